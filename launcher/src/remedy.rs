//! Owns what helps: the fix for this distribution, this kernel, this container. Pure; every stage asks here.

use crate::facts::Facts;

/// What of the kernel's switches stands against unprivileged user namespaces, and the fix.
#[must_use]
pub fn userns_obstacle(facts: &Facts) -> Option<(String, String)> {
    let kernel = &facts.host.kernel;
    let sysctl = |key: &str, value: &str| {
        format!("sudo sysctl -w {key}={value}   (to keep it: a file in /etc/sysctl.d)")
    };
    if kernel.max_user_namespaces.is_none() {
        return Some((
            "the kernel has none".into(),
            "use a kernel with CONFIG_USER_NS=y".into(),
        ));
    }
    if kernel.max_user_namespaces == Some(0) {
        return Some((
            "user.max_user_namespaces is 0".into(),
            sysctl("user.max_user_namespaces", "15000"),
        ));
    }
    if kernel.unprivileged_userns_clone == Some(false) {
        return Some((
            "kernel.unprivileged_userns_clone is 0".into(),
            sysctl("kernel.unprivileged_userns_clone", "1"),
        ));
    }
    if kernel.apparmor_restricts_userns == Some(true) {
        let fix = "give bwrap, and for `inet` claudebox, an AppArmor profile that allows `userns` (Ubuntu: apt install \
                   apparmor-profiles, enable bwrap-userns-restrict), or sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
        return Some((
            "AppArmor restricts them (Ubuntu 23.10 and later)".into(),
            fix.into(),
        ));
    }
    None
}

/// What helps where bwrap gave up with `said`.
#[must_use]
pub fn explain(said: &str, facts: &Facts) -> Option<String> {
    let about_namespaces = [
        "namespace",
        "uid map",
        "setgroups",
        "RTM_NEWADDR",
        "loopback",
        "Operation not permitted",
        "Permission denied",
    ];
    if said.contains("Unknown option") {
        return Some(format!(
            "bubblewrap 0.8 or later is needed: {}",
            install_hint(&facts.host.os, "bubblewrap")
        ));
    }
    if said.contains("Resource temporarily unavailable") {
        return Some(PROCESSES.into());
    }
    if said.contains("claudebox: PID 1: ") {
        return Some(refused_call(facts));
    }
    if said.contains("Can't find source path") {
        return Some("something that was there when the plan was made is gone; start again".into());
    }
    let in_container = facts.host.kernel.container.as_ref().map(|kind| {
        format!(
            "this runs in {kind}, which forbids it: start that with --security-opt seccomp=unconfined \
             --security-opt unmask=ALL (podman) or --security-opt seccomp=unconfined --security-opt systempaths=unconfined (docker)"
        )
    });
    if said.contains("mount proc") || said.contains("Can't mount") {
        return in_container
            .or_else(|| Some("claudebox check tells what of this host is in the way".into()));
    }
    if about_namespaces.iter().any(|word| said.contains(word)) {
        let refused =
            || "this host refuses unprivileged user namespaces; claudebox check tells more".into();
        return userns_obstacle(facts)
            .map(|(found, fix)| format!("{found}: {fix}"))
            .or(in_container)
            .or_else(|| filtered(facts))
            .or_else(|| Some(refused()));
    }
    None
}

const PROCESSES: &str =
    "you have as many processes as you may: end some, or raise the limit (ulimit -u)";

/// What helps where a limit of the caller's was reached (setrlimit(2)).
#[must_use]
pub fn limit(error: &std::io::Error) -> Option<String> {
    use nix::errno::Errno;
    let hint = match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE => "you may open too few files: raise the limit (ulimit -n)",
        Errno::EFBIG => "your files may be too small: raise the limit (ulimit -f)",
        Errno::EAGAIN => PROCESSES,
        _ => return None,
    };
    Some(hint.into())
}

/// What helps where this kernel does not do what every kernel that claudebox runs on can.
#[must_use]
pub fn refused_call(facts: &Facts) -> String {
    filtered(facts).unwrap_or_else(|| {
        "use Linux 5.6 or later, with seccomp filters; claudebox check tells more".into()
    })
}

/// Somebody's filter stands before the kernel: it is inherited, and nothing takes it off (seccomp(2)).
fn filtered(facts: &Facts) -> Option<String> {
    facts.host.kernel.seccomp.then(|| {
        "a seccomp filter is on this process already, as container runtimes set one: start claudebox outside of it, or \
         that with --security-opt seccomp=unconfined"
            .into()
    })
}

/// How `package` is installed on the distribution `os` (`ID` of os-release(5)).
#[must_use]
pub fn install_hint(os: &str, package: &str) -> String {
    match os {
        "debian" | "ubuntu" | "linuxmint" | "pop" | "raspbian" => {
            format!("sudo apt install {package}")
        }
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" => {
            format!("sudo dnf install {package}")
        }
        "arch" | "manjaro" | "endeavouros" => format!("sudo pacman -S {package}"),
        "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" | "sles" => {
            format!("sudo zypper install {package}")
        }
        "alpine" => format!("doas apk add {package}"),
        "nixos" => format!("add pkgs.{package} to environment.systemPackages"),
        _ => format!("install {package} by your package manager"),
    }
}
