//! Owns bubblewrap's command line: the one module that spells its flags. Pure: [`Plan`] → [`Invocation`].
//!
//! Every flag is known to bubblewrap 0.8 (bwrap(1)); an older one stops at the first that it does not know.
//! Arguments go over `--args FD`, contents over further descriptors, so that nothing shows in `/proc/*/cmdline`.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::fence::Fence;
use crate::init::{CONTROL, ORDER, Order, STDERR};
use crate::outer::{ORDER as OUTER, make};
use crate::plan::{Action, Namespace, OWN, Plan};
use crate::text::Text;

/// Where bwrap reads its arguments.
pub const ARGUMENTS: RawFd = 6;
/// The first descriptor of a content.
const FIRST_CONTENT: RawFd = 8;

/// A program with all it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// bwrap.
    pub program: Text,
    /// What stands in its argument list, for all to see.
    pub arguments: Vec<OsString>,
    /// What it reads from [`ARGUMENTS`], each ended by a NUL.
    pub hidden_arguments: Vec<u8>,
    /// What it, or PID 1, finds at other descriptors.
    pub contents: Vec<(RawFd, Content)>,
    /// What PID 1 is told.
    pub order: Order,
    /// Where there is a stage before bwrap: this binary, and what it is told.
    pub outer: Option<(Text, make::Order)>,
}

/// What lies behind a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Text),
    /// This file of the host, opened read-only.
    Open(Text),
}

impl Invocation {
    /// The invocation that carries `plan` out.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut hidden = Vec::new();
        let mut contents = Vec::new();
        let mut folders = Folders::default();
        for step in &plan.steps {
            if let Some(folder) = folders.missing(&step.action) {
                for argument in ["--dir".as_bytes(), folder.as_bytes()] {
                    hidden.extend_from_slice(argument);
                    hidden.push(0);
                }
            }
            for argument in flags(&step.action, &mut contents) {
                hidden.extend_from_slice(argument.as_bytes());
                hidden.push(0);
            }
        }
        let mut arguments: Vec<OsString> = vec!["--args".into(), ARGUMENTS.to_string().into()];
        if !plan
            .steps
            .iter()
            .any(|step| step.action == Action::HideArguments)
        {
            let shown = hidden
                .split(|byte| *byte == 0)
                .filter(|argument| !argument.is_empty());
            arguments = shown
                .map(|argument| OsStr::from_bytes(argument).to_owned())
                .collect();
            hidden = Vec::new();
        }
        arguments.extend(["--".into(), format!("{OWN}/init").into(), "init".into()]);
        let outer = plan.steps.iter().find_map(|step| match &step.action {
            Action::OuterNamespaces { uid, gid, launcher } => {
                let order = make::Order {
                    // Known once it is started.
                    launcher: 0,
                    user: (*uid, *gid),
                    fence: fence(plan),
                    program: plan.bwrap.clone(),
                    arguments: arguments.iter().cloned().map(Text::from).collect(),
                };
                Some((launcher.clone(), order))
            }
            _ => None,
        });
        Self {
            program: plan.bwrap.clone(),
            arguments,
            hidden_arguments: hidden,
            contents,
            order: Order::of(plan),
            outer,
        }
    }
}

/// nft(8) and the fence that it loads.
fn fence(plan: &Plan) -> Option<(Text, Fence)> {
    plan.steps.iter().find_map(|step| match &step.action {
        Action::LoadFence { nft, fence } => Some((nft.clone(), fence.clone())),
        _ => None,
    })
}

/// The folders that stand so far. bwrap makes those that are missing on the way by itself, but closed to others where what comes
/// there has no mode that is open to them: then they are made before.
#[derive(Default)]
struct Folders {
    made: BTreeSet<PathBuf>,
    mounted: Vec<PathBuf>,
}

impl Folders {
    /// The lowest folder that is missing above the place of `action`, and would be closed.
    fn missing(&mut self, action: &Action) -> Option<OsString> {
        let at = action.place()?;
        let mut missing = Vec::new();
        for folder in at.path().ancestors().skip(1) {
            let stands = folder.parent().is_none()
                || self.made.contains(folder)
                || self.mounted.iter().any(|mount| folder.starts_with(mount));
            if stands {
                break;
            }
            missing.push(folder.as_os_str().to_owned());
            self.made.insert(folder.to_owned());
        }
        match action {
            Action::Tmpfs { .. } => _ = self.made.insert(at.path().to_owned()),
            Action::Bind { .. }
            | Action::Link { .. }
            | Action::Proc { .. }
            | Action::Dev { .. } => {
                self.mounted.push(at.path().to_owned());
            }
            _ => {}
        }
        let open = match action {
            Action::File { .. } | Action::Copy { .. } => true,
            Action::Tmpfs { mode, .. } => mode & 0o077 != 0,
            _ => false,
        };
        // With the lowest, bwrap makes those above it, open as well.
        missing.into_iter().next().filter(|_| !open)
    }
}

/// The flags that make bwrap do `action`; none where someone else does it.
fn flags(action: &Action, contents: &mut Vec<(RawFd, Content)>) -> Vec<OsString> {
    let mut content = |what| -> OsString {
        let descriptor =
            FIRST_CONTENT + RawFd::try_from(contents.len()).expect("a plan has few files");
        contents.push((descriptor, what));
        descriptor.to_string().into()
    };
    let word = OsString::from;
    let path = |text: &Text| OsString::from(text.clone());
    match action {
        // bwrap always makes a mount namespace, and always sets no_new_privs: it has no flag for either.
        Action::Unshare {
            namespace: Namespace::Mount,
        }
        | Action::NoNewPrivileges => Vec::new(),
        // claudebox itself is PID 1 there, so that bwrap's reaper, with an environment of its own, is not.
        Action::Unshare {
            namespace: Namespace::Pid,
        } => vec![word("--unshare-pid"), word("--as-pid-1")],
        Action::Unshare { namespace } => vec![word(match namespace {
            Namespace::Mount | Namespace::Pid => unreachable!("matched above"),
            Namespace::User => "--unshare-user",
            Namespace::Ipc => "--unshare-ipc",
            Namespace::Uts => "--unshare-uts",
            Namespace::Cgroup => "--unshare-cgroup",
            Namespace::Network => "--unshare-net",
        })],
        Action::DropCapabilities => vec![word("--cap-drop"), word("ALL")],
        Action::DisableNestedUserNamespaces => vec![word("--disable-userns")],
        Action::DieWithParent => vec![word("--die-with-parent")],
        Action::BeUser { uid, gid } => {
            vec![
                word("--uid"),
                uid.to_string().into(),
                word("--gid"),
                gid.to_string().into(),
            ]
        }
        Action::Hostname { name } => vec![word("--hostname"), word(name)],
        Action::Tmpfs { at, bytes, mode } => vec![
            word("--perms"),
            format!("{mode:04o}").into(),
            word("--size"),
            bytes.to_string().into(),
            word("--tmpfs"),
            path(at),
        ],
        Action::Bind { from, at, writable } => {
            vec![
                word(if *writable { "--bind" } else { "--ro-bind" }),
                path(from),
                path(at),
            ]
        }
        Action::Link { at, to } => vec![word("--symlink"), path(to), path(at)],
        Action::File { at, content: bytes } => {
            let descriptor = content(Content::Bytes(bytes.clone()));
            vec![
                word("--perms"),
                word("0644"),
                word("--file"),
                descriptor,
                path(at),
            ]
        }
        Action::Copy { at, from } => {
            let descriptor = content(Content::Open(from.clone()));
            vec![
                word("--perms"),
                word("0555"),
                word("--ro-bind-data"),
                descriptor,
                path(at),
            ]
        }
        Action::Cover { at } => vec![word("--ro-bind"), word("/dev/null"), path(at)],
        Action::Hide { at, folder: true } => vec![
            word("--perms"),
            word("0000"),
            word("--tmpfs"),
            path(at),
            word("--remount-ro"),
            path(at),
        ],
        Action::Hide { at, folder: false } => {
            let descriptor = content(Content::Bytes(Text::default()));
            vec![
                word("--perms"),
                word("0000"),
                word("--ro-bind-data"),
                descriptor,
                path(at),
            ]
        }
        Action::Replace { at, content: bytes } => {
            let descriptor = content(Content::Bytes(bytes.clone()));
            vec![
                word("--perms"),
                // As git has it: that it cannot be written is the mount's to say.
                word("0644"),
                word("--ro-bind-data"),
                descriptor,
                path(at),
            ]
        }
        Action::Proc { at } => vec![word("--proc"), path(at)],
        Action::Dev { at } => vec![word("--dev"), path(at)],
        Action::RemountReadOnly { at } => vec![word("--remount-ro"), path(at)],
        // The launcher's and PID 1's part. CONTROL and STDERR are theirs, below ARGUMENTS.
        Action::CloseDescriptors
        | Action::KeepState { .. }
        | Action::ShareLogin { .. }
        | Action::OuterNamespaces { .. }
        | Action::LoadFence { .. }
        | Action::Carry { .. }
        | Action::HelperOption { .. }
        | Action::FollowNetwork
        | Action::JoinNewKeyring
        | Action::RestoreTerminal
        | Action::RelayStream { .. }
        | Action::OwnProcessGroup
        | Action::EmptyEnvironment
        | Action::HideArguments
        | Action::PinSources
        | Action::Deny { .. }
        | Action::ScopeAbstractSockets
        | Action::ScopeSignals
        | Action::FenceFiles { .. }
        | Action::FenceDevices { .. }
        | Action::BeUndumpable
        | Action::NoCoreDumps
        | Action::JoinGroup { .. }
        | Action::Limit { .. } => Vec::new(),
    }
}

const _: () = assert!(
    CONTROL < STDERR
        && STDERR < ORDER
        && ORDER < ARGUMENTS
        && ARGUMENTS < OUTER
        && OUTER < FIRST_CONTENT
);
