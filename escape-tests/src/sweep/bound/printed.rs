//! Owns reading the plan as `claudebox plan --json` prints it. A step that is not known here has no bound: that is an error.

use claudebox::limit::Limited;
use claudebox::text::Text;
use serde::Deserialize;

/// The part of a printed plan that says what can be seen inside.
#[derive(Debug, Clone, Deserialize)]
pub struct Printed {
    /// The version of the form.
    pub version: u32,
    /// The working folder.
    pub cwd: Text,
    /// The tier.
    pub tier: Answer,
    /// Every variable, its value as it is shown.
    pub variables: Vec<Variable>,
    /// What is done.
    pub steps: Vec<Step>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// The caller's streams.
    pub stdio: [String; 3],
}

/// An answer; who gave it does not count.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// What it is.
    pub value: String,
}

/// A variable.
#[derive(Debug, Clone, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: Text,
    /// Its value as it is shown, which may be masked.
    pub value: String,
}

/// A step; why it is there does not count.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// What it does.
    #[serde(flatten)]
    pub does: Does,
}

/// What a step does: [`claudebox::plan::Action`] as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Does {
    CloseDescriptors,
    JoinNewKeyring,
    RestoreTerminal,
    RelayStream {
        descriptor: usize,
    },
    OwnProcessGroup,
    EmptyEnvironment,
    HideArguments,
    KeepState,
    ShareLogin,
    Unshare {
        namespace: String,
    },
    DropCapabilities,
    NoNewPrivileges,
    DisableNestedUserNamespaces,
    DieWithParent,
    BeUser {
        uid: u32,
        gid: u32,
    },
    Hostname {
        name: String,
    },
    Tmpfs {
        at: Text,
        bytes: u64,
        mode: String,
    },
    Bind {
        from: Text,
        at: Text,
        writable: bool,
    },
    Link {
        at: Text,
        to: Text,
    },
    File {
        at: Text,
        content: Text,
    },
    Copy {
        at: Text,
    },
    Proc {
        at: Text,
    },
    Dev {
        at: Text,
    },
    Cover {
        at: Text,
    },
    Hide {
        at: Text,
        folder: bool,
    },
    Replace {
        at: Text,
    },
    RemountReadOnly {
        at: Text,
    },
    PinSources,
    Deny {
        calls: String,
    },
    ScopeAbstractSockets,
    ScopeSignals,
    FenceFiles,
    FenceDevices,
    BeUndumpable,
    NoCoreDumps,
    Limit {
        on: Limited,
        most: u64,
    },
    JoinGroup,
}

impl Printed {
    /// Reads what was printed.
    ///
    /// # Errors
    /// Where it is no plan, or of a form that is not known here.
    pub fn of(json: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(json)
            .map_err(|error| format!("reading the printed plan: {error}"))?;
        if plan.version == claudebox::plan::VERSION {
            Ok(plan)
        } else {
            Err(format!(
                "a plan of version {} has no bound here",
                plan.version
            ))
        }
    }

    /// What is done, in order.
    pub fn does(&self) -> impl Iterator<Item = &Does> {
        self.steps.iter().map(|step| &step.does)
    }

    /// Whether this is done.
    #[must_use]
    pub fn has(&self, does: &Does) -> bool {
        self.does().any(|step| step == does)
    }

    /// Whether a namespace of this kind is made.
    #[must_use]
    pub fn unshares(&self, kind: &str) -> bool {
        self.does()
            .any(|step| matches!(step, Does::Unshare { namespace } if namespace == kind))
    }

    /// The uid and gid inside.
    ///
    /// # Errors
    /// Where it says nothing of it.
    pub fn user(&self) -> Result<(u32, u32), String> {
        self.does()
            .find_map(|step| match step {
                Does::BeUser { uid, gid } => Some((*uid, *gid)),
                _ => None,
            })
            .ok_or_else(|| "the plan does not say who the inside is".into())
    }
}
