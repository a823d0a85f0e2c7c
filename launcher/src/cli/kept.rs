//! Owns the flags of the commands about what is kept of projects.

use clap::Args as ClapArgs;

/// `instances`.
#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub struct ListArgs {
    /// Print them as JSON, versioned and stable
    #[arg(long)]
    pub json: bool,
}

/// `reset`.
#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub struct ResetArgs {
    /// Remove it without asking
    #[arg(short, long)]
    pub yes: bool,
}

/// `gc`.
#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub struct GcArgs {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print what was done with each as JSON, versioned and stable
    #[arg(long)]
    pub json: bool,
}
