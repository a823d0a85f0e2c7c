# The tiers `none` and `full` on a booted NixOS: a command runs, the status comes back, the system beside the store stays
# outside, and the network is there or is not.
#
# Never run so far: no machine at hand could build a NixOS. What it claims is checked on a NixOS-shaped root by
# escape-tests/tests/nix_hosts.rs; what only a booted system has (services, /run/wrappers, nscd) is for the first run of
# this file to show. It has been evaluated with a stand-in for nixpkgs only.
{ claudebox }:
{
  name = "claudebox-none-full";

  nodes.machine =
    { pkgs, ... }:
    {
      environment.systemPackages = [
        claudebox
        pkgs.curl
      ];
      environment.variables.LAB_CANARY = "only-outside";
      users.users.boxer = {
        isNormalUser = true;
        uid = 6001;
      };
      services.nginx = {
        enable = true;
        virtualHosts.localhost.locations."/".return = "200 reached";
      };
    };

  testScript = ''
    import shlex

    machine.wait_for_unit("multi-user.target")
    machine.wait_for_unit("nginx.service")
    machine.wait_for_open_port(80)
    machine.succeed("install -d -o boxer -g users /home/boxer/src /home/boxer/src/app")

    def outside(command: str) -> str:
        return "su -l boxer -c " + shlex.quote("cd src/app && " + command)

    def inside(tier: str, script: str) -> str:
        return outside(f"claudebox exec -y --network {tier} -- sh -c {shlex.quote(script)}")

    with subtest("a command runs and its status comes back"):
        for tier in ["none", "full"]:
            assert machine.succeed(inside(tier, "pwd")) == "/home/boxer/src/app\n"
            status, _ = machine.execute(inside(tier, "exit 7"))
            assert status == 7, status

    with subtest("what stays outside is there on the machine, and not inside"):
        for path in [
            "/run/current-system",
            "/run/wrappers/bin/sudo",
            "/run/nscd/socket",
            "/nix/var/nix/daemon-socket/socket",
            "/etc/nix/nix.conf",
        ]:
            machine.succeed(outside(f"test -e {path}"))
            for tier in ["none", "full"]:
                machine.succeed(inside(tier, f"test ! -e {path}"))

    with subtest("the environment is built from empty"):
        machine.succeed(outside('test "$LAB_CANARY" = only-outside'))
        machine.succeed(inside("full", 'test -z "$LAB_CANARY"'))

    with subtest("PATH holds folders of the store"):
        for folder in machine.succeed(inside("none", "echo $PATH")).strip().split(":"):
            assert folder.startswith(("/nix/store/", "/run/claudebox/")), folder

    with subtest("full reaches the machine's network, none does not"):
        fetch = "curl --silent --max-time 5 http://127.0.0.1/"
        assert machine.succeed(inside("full", fetch)) == "reached"
        status, output = machine.execute(inside("none", fetch))
        # 7: nobody listens in there.
        assert (status, output) == (7, ""), (status, output)

    with subtest("check agrees"):
        machine.succeed(outside("claudebox check --network none"))
  '';
}
