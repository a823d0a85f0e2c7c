//! Owns the verdicts: what the measurement of one probe can come to, each defined once.

use serde::{Serialize, Serializer};

/// What became of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Each act gave exactly what it gives in claudebox, and there is no damage.
    Held,
    /// Nothing was reached and there is no damage, but an act met another error than in claudebox.
    HeldOtherwise,
    /// Something was observed that is neither what claudebox shows nor what is seen without a sandbox: no proof and no
    /// breach.
    Differs,
    /// An act reached what it should not, an observation is the one that is made without any sandbox, or there is damage
    /// outside.
    Escaped,
    /// A useful twin did what it must do.
    Works,
    /// A useful twin did not.
    DoesNotWork,
    /// The host lacks what the probe needs, CMD does not show what it is about, or an act could not be made inside.
    NotTried,
    /// No report, or one that cannot be believed: silence, two lines, another probe's, an exit status, a hang. Never taken
    /// for a hold.
    Error,
}

impl Verdict {
    /// Every verdict, in the order of the counts.
    pub const ALL: [Verdict; 8] = [
        Verdict::Held,
        Verdict::HeldOtherwise,
        Verdict::Differs,
        Verdict::Escaped,
        Verdict::Works,
        Verdict::DoesNotWork,
        Verdict::NotTried,
        Verdict::Error,
    ];

    /// Its word, in the table and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::HeldOtherwise => "held otherwise",
            Verdict::Differs => "differs",
            Verdict::Escaped => "ESCAPED",
            Verdict::Works => "works",
            Verdict::DoesNotWork => "does not work",
            Verdict::NotTried => "not tried",
            Verdict::Error => "error",
        }
    }

    /// Whether the sandbox stopped the attack.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Verdict::Held | Verdict::HeldOtherwise)
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
