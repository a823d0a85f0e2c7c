//! Owns the list of mutations (META-03): everything of a plan that can be left out or loosened alone, by name. Each must turn a
//! probe red. Where another wall stands before it, it must do so as the last wall.
//!
//! A mutation is smaller than a guard: a guard may be several steps, and each of them must be missed by itself. As in
//! [`super::breaking`], only the plan is edited, which is plain data.
//!
//! Who carries one out: [`launcher`] is the launcher under a mutated plan, [`super::batch`] makes many attempts in its one
//! sandbox.

pub mod flags;
pub mod launcher;
pub mod liar;
mod unmissed;

use std::path::Path;

use claudebox::config::Origin;
use claudebox::facts::Facts;
use claudebox::guard::Guard;
use claudebox::limit::Limited;
use claudebox::plan::{Action, Namespace, Plan, Variable};
use serde::{Deserialize, Serialize};

pub use self::unmissed::{
    LAST_WALLS, LastWall, MISSED_AS_ROOT, UNMISSED, last_wall, missed_as_root, unmissed,
};
use super::bait::Bait;

/// What of a plan is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// The step of this number is not there.
    StepLeftOut(usize),
    /// The bind mount of this number can be written.
    MadeWritable(usize),
    /// The tmpfs of this number takes all memory.
    Unsized(usize),
    /// The tmpfs of this number is open to everyone, without a sticky bit.
    Opened(usize),
    /// Of the filter's step of this number, the rule of that number is not there.
    RuleLeftOut(usize, usize),
    /// Of the fence's step of this number, the place of that number is not there.
    PlaceLeftOut(usize, usize),
    /// The command starts in the root folder.
    ElsewhereStarted,
    /// The variable of this number is not there.
    VariableLeftOut(usize),
    /// Every variable of the host enters; the rest of the rule stands.
    HostVariables,
}

/// One mutation of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What the driver knows of it.
    pub listed: Listed,
    change: Change,
}

/// A mutation as it is known outside of the process that holds the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name, the same on every run.
    pub name: String,
    /// The guard that it weakens.
    pub guard: Guard,
    /// Whether only probes that look and change nothing may be made: an attack would reach the files of this very host.
    pub only_look: bool,
    /// Whether descriptors stay open across the start.
    pub leaves_open: bool,
    /// Whether it is a rule of the filter, of which a plan has many and every plan the same.
    pub is_rule: bool,
    /// Whether PID 1 must find it out by itself where bwrap, and not the plan, leaves it out.
    pub found_out: bool,
}

/// Every mutation of `plan`.
#[must_use]
pub fn all(plan: &Plan, bait: &Bait) -> Vec<Mutation> {
    let mut found = Vec::new();
    let mut add = |name: String, guard, change, only_look| {
        let leaves_open = name == named_step(&Action::CloseDescriptors, bait);
        let listed = Listed {
            name,
            guard,
            only_look,
            leaves_open,
            is_rule: matches!(change, Change::RuleLeftOut(..)),
            found_out: is_found_out(plan, &change, bait.uid),
        };
        found.push(Mutation { listed, change });
    };
    for (number, step) in plan.steps.iter().enumerate() {
        if is_of_bwrap(&step.action) || is_the_callers_own(&step.action) || outlives(&step.action) {
            continue;
        }
        let name = named_step(&step.action, bait);
        // Who uid 0 started may change the kernel's settings, and root's files.
        let dangerous = bait.uid == 0 && step.guard == Guard::ProcReadOnly;
        add(
            name.clone(),
            step.guard,
            Change::StepLeftOut(number),
            dangerous,
        );
        if let Action::Bind {
            from,
            writable: false,
            ..
        } = &step.action
        {
            let is_bait = from.path().starts_with(&bait.folder);
            let name = name.replacen("without bind", "writable bind", 1);
            let dangerous = bait.uid == 0 && !is_bait;
            add(name, step.guard, Change::MadeWritable(number), dangerous);
        }
        if let Action::Tmpfs { mode, .. } = &step.action {
            let of = name.trim_start_matches("without ").to_owned();
            add(
                format!("unsized {of}"),
                step.guard,
                Change::Unsized(number),
                false,
            );
            if *mode != OPEN {
                add(
                    format!("open {of}"),
                    step.guard,
                    Change::Opened(number),
                    false,
                );
            }
        }
        if let Action::Deny { rules, .. } = &step.action {
            for (rule, one) in rules.iter().enumerate() {
                let name = format!("without denied call {}", one.name);
                add(name, step.guard, Change::RuleLeftOut(number, rule), false);
            }
        }
        if let Action::FenceFiles { places, .. } = &step.action {
            for (place, one) in places.iter().enumerate() {
                let name = format!("without fenced place {}", shown_place(one.at.path(), bait));
                add(name, step.guard, Change::PlaceLeftOut(number, place), false);
            }
        }
    }
    let name = "without the working folder".to_owned();
    add(name, Guard::ProjectOnly, Change::ElsewhereStarted, false);
    for (number, variable) in plan.variables.iter().enumerate() {
        let name = format!("without variable {}", variable.name);
        add(
            name,
            Guard::EnvAllowlist,
            Change::VariableLeftOut(number),
            false,
        );
    }
    let name = "with every variable of the host".to_owned();
    add(name, Guard::EnvAllowlist, Change::HostVariables, false);
    found
}

/// What PID 1 compares with the plan, of all that bwrap carries out (HARD-05).
fn is_found_out(plan: &Plan, change: &Change, uid: u32) -> bool {
    match change {
        Change::MadeWritable(_) => true,
        Change::StepLeftOut(number) => match &plan.steps[*number].action {
            Action::Unshare { namespace } => {
                matches!(namespace, Namespace::Pid | Namespace::Network)
            }
            // For an ordinary user bwrap does both in any case.
            Action::BeUser { .. } | Action::DropCapabilities => uid == 0,
            Action::Hostname { .. }
            | Action::DisableNestedUserNamespaces
            | Action::Tmpfs { .. }
            | Action::Bind { .. }
            | Action::Cover { .. }
            | Action::Proc { .. }
            | Action::RemountReadOnly { .. } => true,
            _ => false,
        },
        _ => false,
    }
}

impl Mutation {
    /// Changes `plan`.
    pub fn apply(&self, plan: &mut Plan, facts: &Facts) {
        match self.change {
            Change::StepLeftOut(number) => _ = plan.steps.remove(number),
            Change::MadeWritable(number) => {
                if let Action::Bind { writable, .. } = &mut plan.steps[number].action {
                    *writable = true;
                }
            }
            Change::Unsized(number) => {
                if let Action::Tmpfs { bytes, .. } = &mut plan.steps[number].action {
                    *bytes = 1 << 50;
                }
            }
            Change::Opened(number) => {
                if let Action::Tmpfs { mode, .. } = &mut plan.steps[number].action {
                    *mode = OPEN;
                }
            }
            Change::RuleLeftOut(number, rule) => {
                if let Action::Deny { rules, .. } = &mut plan.steps[number].action {
                    rules.remove(rule);
                }
            }
            Change::PlaceLeftOut(number, place) => {
                if let Action::FenceFiles { places, .. } = &mut plan.steps[number].action {
                    places.remove(place);
                }
            }
            Change::ElsewhereStarted => plan.cwd = "/".into(),
            Change::VariableLeftOut(number) => _ = plan.variables.remove(number),
            Change::HostVariables => {
                for (name, value) in &facts.environment {
                    if !plan.variables.iter().any(|variable| variable.name == *name) {
                        plan.variables.push(Variable {
                            name: name.clone(),
                            value: value.clone(),
                            origin: Origin::Host,
                        });
                    }
                }
            }
        }
    }
}

/// A folder that everyone may write, and in which everyone may remove what is another's.
const OPEN: u32 = 0o777;

/// What bwrap does whether it is asked or not: nothing is emitted for it that could be left out. The guards are shown to bite
/// outside of any sandbox ([`super::breaking`]).
#[must_use]
pub fn is_of_bwrap(action: &Action) -> bool {
    let always = Action::Unshare {
        namespace: Namespace::Mount,
    };
    *action == always || *action == Action::NoNewPrivileges
}

/// A limit that the caller is under already, so that nothing changes without it: where root that runs the tests may raise limits
/// (CAP_SYS_RESOURCE), there is none. What a person may set is tried lower than anybody's own.
fn is_the_callers_own(action: &Action) -> bool {
    let Action::Limit { on, most } = action else {
        return false;
    };
    let own = nix::sys::resource::getrlimit(on.resource());
    !Limited::SETTABLE.contains(on) && own.is_ok_and(|(_, hard)| hard <= *most)
}

/// Without which a process of the host's would stay for good. tests/network/drivers.rs leaves it out, shows that, and ends the process.
fn outlives(action: &Action) -> bool {
    matches!(action, Action::HelperOption { words } if words.iter().map(ToString::to_string).eq(["--foreground"]))
}

/// A path by a name that is the same on every run: what is fresh for each trial stands in angle brackets.
fn shown_place(path: &Path, bait: &Bait) -> String {
    let programs = bait.inside.parent().unwrap_or(&bait.inside);
    let fresh = [
        (bait.project.as_path(), "<project>"),
        (bait.granted.as_path(), "<granted>"),
        (bait.home.as_path(), "<home>"),
        (bait.inside.as_path(), "<inside>"),
        (programs, "<programs>"),
        (bait.folder.as_path(), "<folder>"),
    ];
    for (folder, name) in fresh {
        if let Ok(rest) = path.strip_prefix(folder) {
            let rest = rest.display().to_string();
            return if rest.is_empty() {
                name.to_owned()
            } else {
                format!("{name}/{rest}")
            };
        }
    }
    path.display()
        .to_string()
        .replace(&format!("/run/user/{}", bait.inside_uid), "/run/user/<uid>")
}

/// The mutation that leaves `action` out, by name.
fn named_step(action: &Action, bait: &Bait) -> String {
    let place = |path: &Path| shown_place(path, bait);
    let what = match action {
        Action::CloseDescriptors => "closing descriptors".into(),
        Action::KeepState { .. } => "keeping the state of the project".into(),
        Action::ShareLogin { .. } => "sharing the login".into(),
        Action::JoinNewKeyring => "a new keyring".into(),
        Action::RestoreTerminal => "giving the terminal back".into(),
        Action::RelayStream { descriptor } => format!("the relay of descriptor {descriptor}"),
        Action::OwnProcessGroup => "an own process group".into(),
        Action::EmptyEnvironment => "the empty environment".into(),
        Action::HideArguments => "hiding arguments".into(),
        Action::Unshare { namespace } => format!(
            "the {} namespace",
            match namespace {
                Namespace::Mount => "mount",
                Namespace::User => "user",
                Namespace::Pid => "PID",
                Namespace::Ipc => "IPC",
                Namespace::Uts => "UTS",
                Namespace::Cgroup => "cgroup",
                Namespace::Network => "network",
            }
        ),
        Action::OuterNamespaces { .. } => "the outer namespaces".into(),
        Action::LoadFence { .. } => "the fence of the network".into(),
        Action::Carry { .. } => "the helper".into(),
        Action::HelperOption { words } => {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            format!("option of the helper {}", words.join(" "))
        }
        Action::FollowNetwork => "following the network".into(),
        Action::DropCapabilities => "dropping capabilities".into(),
        Action::NoNewPrivileges => "no_new_privs".into(),
        Action::DisableNestedUserNamespaces => "disabling user namespaces".into(),
        Action::DieWithParent => "dying with the parent".into(),
        Action::BeUser { .. } => "the uid".into(),
        Action::Hostname { .. } => "the hostname".into(),
        Action::Tmpfs { at, .. } => format!("tmpfs {}", place(at.path())),
        Action::Bind { at, .. } => format!("bind {}", place(at.path())),
        Action::Link { at, .. } => format!("link {}", place(at.path())),
        Action::File { at, .. } => format!("file {}", place(at.path())),
        Action::Copy { at, .. } => format!("copy {}", place(at.path())),
        Action::Cover { at } => format!("cover {}", place(at.path())),
        Action::Hide { at, .. } => format!("hide {}", place(at.path())),
        Action::Replace { at, .. } => format!("replace {}", place(at.path())),
        Action::Proc { at } => format!("procfs {}", place(at.path())),
        Action::Dev { at } => format!("devices {}", place(at.path())),
        Action::RemountReadOnly { at } => format!("read-only {}", place(at.path())),
        Action::PinSources => "pinned sources".into(),
        Action::Deny { calls, .. } => format!("denied calls {calls:?}"),
        Action::ScopeAbstractSockets => "the scope of abstract sockets".into(),
        Action::ScopeSignals => "the scope of signals".into(),
        Action::FenceFiles { .. } => "the fence of files".into(),
        Action::FenceDevices { .. } => "the fence of devices".into(),
        Action::BeUndumpable => "being undumpable".into(),
        Action::NoCoreDumps => "no core dumps".into(),
        Action::Limit { on, .. } => format!("the limit of {}", on.name()),
        Action::JoinGroup { .. } => "the control group".into(),
    };
    format!("without {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use claudebox::bwrap::Invocation;

    #[test]
    fn nothing_is_emitted_for_what_bwrap_always_does() {
        let args =
            clap::Parser::parse_from(["claudebox", "exec", "--yes", "--allow-root", "--", "true"]);
        let claudebox::cli::Wish::Enter(entry) = claudebox::cli::Args::wish(args) else {
            panic!("these arguments start something")
        };
        let facts =
            Facts::read(&claudebox::facts::Query::of(&entry)).expect("this host can be read");
        let config = claudebox::config::Config::resolve(&entry, &facts).expect("a configuration");
        let mut plan = Plan::new(&config, &facts).expect("a plan");
        let whole = Invocation::of(&plan);
        let steps = plan.steps.len();
        plan.steps.retain(|step| !is_of_bwrap(&step.action));
        assert_eq!(plan.steps.len() + 2, steps);
        assert_eq!(Invocation::of(&plan), whole);
    }
}
