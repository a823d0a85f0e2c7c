# The functions of nixpkgs' lib that claudebox uses, each by its meaning and no more.
rec {
  genAttrs =
    names: make:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );
  mapAttrs' =
    make: set: builtins.listToAttrs (map (name: make name set.${name}) (builtins.attrNames set));
  filterAttrs =
    keep: set:
    builtins.listToAttrs (
      builtins.filter ({ name, value }: keep name value) (
        map (name: {
          inherit name;
          value = set.${name};
        }) (builtins.attrNames set)
      )
    );

  hasSuffix =
    suffix: text:
    let
      start = builtins.stringLength text - builtins.stringLength suffix;
    in
    start >= 0 && builtins.substring start (-1) text == suffix;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then
      builtins.substring 0 (builtins.stringLength text - builtins.stringLength suffix) text
    else
      text;
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: set: if condition then set else { };
  concatMapStringsSep =
    separator: make: list:
    builtins.concatStringsSep separator (map make list);

  importTOML = file: builtins.fromTOML (builtins.readFile file);

  getBin = package: package.bin or package;
  getExe = package: "${getBin package}/bin/${package.meta.mainProgram}";
  makeBinPath = packages: concatMapStringsSep ":" (package: "${getBin package}/bin") packages;

  licenses = genAttrs [ "mit" "asl20" ] (id: { inherit id; });
  platforms.linux = [
    "x86_64-linux"
    "aarch64-linux"
  ];

  # A file set is the list of its paths here.
  fileset = {
    unions = paths: paths;
    toSource =
      { root, fileset }:
      let
        inside = path: folder: path == folder || builtins.substring 0 (builtins.stringLength folder + 1) path == "${folder}/";
        wanted = map toString fileset;
        missing = builtins.filter (path: !builtins.pathExists path) fileset;
      in
      if missing != [ ] then
        throw "lib.fileset.unions: ${toString (builtins.head missing)} does not exist"
      else
        builtins.path {
          name = "source";
          path = root;
          filter = path: _: builtins.any (file: inside path file || inside file path) wanted;
        };
  };
}
