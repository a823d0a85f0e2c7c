//! Owns the list of what a program of the host runs, sooner or later, from a project: hooks, settings, tasks, build files (FS-I).
//!
//! Data, and the comparison of a name with it. What is guarded is read-only inside where it exists when a session starts; all the
//! rest is the agent's to write, and is said before and after. Sources: git-config(1), githooks(5), gitrepository-layout(5),
//! gitattributes(5), gitsubmodules(7), git-worktree(1), and the manual of each program that is named.

use std::ffi::OsStr;

use serde::{Deserialize, Serialize};

use crate::text::folded;

/// What a pattern is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The project's root.
    Project,
    /// A git folder: that of the project, the common one of a worktree, and each submodule's in `modules`.
    Git,
}

/// Which kind of program runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// git itself, and what manages its hooks.
    Git,
    /// An agent: Claude Code and others.
    Agent,
    /// What an agent reads as instructions.
    Instructions,
    /// An editor.
    Editor,
    /// The shell, through direnv and version managers.
    Shell,
    /// A build, a package manager, a test runner.
    Build,
    /// Programs that a build left behind, and that are run from there.
    Program,
    /// The desktop.
    Desktop,
    /// claudebox.
    Claudebox,
}

/// One thing of a project that the host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the base. `*` stands for any part of one name. A folder stands for all that lies in it.
    pub pattern: &'static str,
    /// What the pattern is relative to.
    pub base: Base,
    /// What runs it.
    pub what: &'static str,
    /// Which kind of program that is.
    pub kind: Kind,
    /// Whether it is read-only inside where it exists when the session starts.
    pub guarded: bool,
}

const fn entry(pattern: &'static str, what: &'static str, kind: Kind, guarded: bool) -> Entry {
    Entry {
        pattern,
        base: Base::Project,
        what,
        kind,
        guarded,
    }
}

const fn git(pattern: &'static str, what: &'static str, guarded: bool) -> Entry {
    Entry {
        pattern,
        base: Base::Git,
        what,
        kind: Kind::Git,
        guarded,
    }
}

/// The list.
pub const LIST: &[Entry] = &[
    // A git folder. Where `.git` is a file, it is the pointer to one.
    git("hooks", "git", true),
    git("config", "git, where it names programs", true),
    git("config.worktree", "git, where it names programs", true),
    git("commondir", "git, which finds hooks by it", true),
    git("info", "git, for filters and what it ignores", true),
    git("worktrees/*/gitdir", "git in a linked worktree", true),
    git("worktrees/*/commondir", "git in a linked worktree", true),
    git(
        "worktrees/*/config.worktree",
        "git in a linked worktree",
        true,
    ),
    git("modules", "git in a submodule", true),
    git(
        "objects/info/alternates",
        "git, which takes objects there",
        false,
    ),
    git(
        "objects/info/http-alternates",
        "git, which takes objects there",
        false,
    ),
    git("refs", "git, as branches and tags", false),
    git("packed-refs", "git, as branches and tags", false),
    git("*.lock", "git, which stops at it", false),
    // `.git` itself is pinned by what is guarded in it. As a file it says where hooks lie.
    entry(".git", "git, which finds hooks by it", Kind::Git, true),
    entry(".gitmodules", "git submodule", Kind::Git, false),
    entry(".gitattributes", "git, for filters", Kind::Git, false),
    entry(".githooks", "git, where it is told to", Kind::Git, false),
    entry(".husky", "git, by husky", Kind::Git, false),
    entry(
        ".pre-commit-config.yaml",
        "git, by pre-commit",
        Kind::Git,
        false,
    ),
    entry(
        ".pre-commit-config.yml",
        "git, by pre-commit",
        Kind::Git,
        false,
    ),
    entry("lefthook.yml", "git, by lefthook", Kind::Git, false),
    entry(".lefthook.yml", "git, by lefthook", Kind::Git, false),
    entry(".lintstagedrc*", "git, by lint-staged", Kind::Git, false),
    // Agents.
    entry(".claude/settings.json", "Claude Code", Kind::Agent, true),
    entry(
        ".claude/settings.local.json",
        "Claude Code",
        Kind::Agent,
        true,
    ),
    entry(".claude/settings*.json", "Claude Code", Kind::Agent, false),
    entry(".claude/hooks", "Claude Code", Kind::Agent, true),
    entry(".claude/plugins", "Claude Code", Kind::Agent, true),
    entry(".mcp.json", "Claude Code", Kind::Agent, true),
    entry(".claude/commands", "Claude Code", Kind::Instructions, false),
    entry(".claude/agents", "Claude Code", Kind::Instructions, false),
    entry(".claude/skills", "Claude Code", Kind::Instructions, false),
    entry(
        ".claude/output-styles",
        "Claude Code",
        Kind::Instructions,
        false,
    ),
    entry(
        ".claude/CLAUDE.md",
        "Claude Code",
        Kind::Instructions,
        false,
    ),
    entry("CLAUDE.md", "Claude Code", Kind::Instructions, false),
    entry("CLAUDE.local.md", "Claude Code", Kind::Instructions, false),
    entry("AGENTS.md", "agents", Kind::Instructions, false),
    entry("GEMINI.md", "Gemini", Kind::Instructions, false),
    entry(".codex", "Codex", Kind::Agent, false),
    entry(".gemini", "Gemini", Kind::Agent, false),
    entry(".cursor/mcp.json", "Cursor", Kind::Agent, true),
    entry(".cursor/hooks.json", "Cursor", Kind::Agent, true),
    entry(".cursor", "Cursor", Kind::Agent, false),
    entry(".cursorrules", "Cursor", Kind::Instructions, false),
    entry(
        ".github/copilot-instructions.md",
        "Copilot",
        Kind::Instructions,
        false,
    ),
    // Editors.
    entry(".vscode/tasks.json", "VS Code", Kind::Editor, true),
    entry(".vscode/settings.json", "VS Code", Kind::Editor, true),
    entry(".vscode/launch.json", "VS Code", Kind::Editor, true),
    entry(".vscode/mcp.json", "VS Code", Kind::Editor, true),
    entry(".vscode/extensions.json", "VS Code", Kind::Editor, false),
    entry("*.code-workspace", "VS Code", Kind::Editor, false),
    entry(
        ".devcontainer",
        "VS Code, on the host first",
        Kind::Editor,
        false,
    ),
    entry(
        ".devcontainer.json",
        "VS Code, on the host first",
        Kind::Editor,
        false,
    ),
    entry(".idea", "JetBrains IDEs", Kind::Editor, true),
    entry("*.iml", "JetBrains IDEs", Kind::Editor, false),
    entry(".zed/settings.json", "Zed", Kind::Editor, true),
    entry(".zed/tasks.json", "Zed", Kind::Editor, true),
    entry(".zed", "Zed", Kind::Editor, false),
    entry(".nvim.lua", "Neovim", Kind::Editor, true),
    entry(".nvimrc", "Neovim", Kind::Editor, true),
    entry(".exrc", "vi", Kind::Editor, true),
    entry(".vimrc", "vi", Kind::Editor, false),
    entry(".dir-locals.el", "Emacs", Kind::Editor, true),
    entry(".dir-locals-2.el", "Emacs", Kind::Editor, true),
    // What a shell sources when it enters the folder.
    entry(".envrc", "direnv", Kind::Shell, true),
    entry(".env", "direnv and others", Kind::Shell, false),
    entry(".env.*", "direnv and others", Kind::Shell, false),
    entry(".mise.toml", "mise", Kind::Shell, false),
    entry("mise.toml", "mise", Kind::Shell, false),
    entry(".mise.*.toml", "mise", Kind::Shell, false),
    entry(".tool-versions", "asdf, mise", Kind::Shell, false),
    entry(".nvmrc", "nvm", Kind::Shell, false),
    entry(".node-version", "version managers", Kind::Shell, false),
    entry(".python-version", "pyenv", Kind::Shell, false),
    entry(".ruby-version", "rbenv", Kind::Shell, false),
    entry("devenv.nix", "devenv", Kind::Shell, false),
    entry("flake.nix", "nix, by direnv", Kind::Shell, false),
    entry("flake.lock", "nix, by direnv", Kind::Shell, false),
    entry("shell.nix", "nix, by direnv", Kind::Shell, false),
    entry("default.nix", "nix", Kind::Shell, false),
    // Builds.
    entry("Makefile", "make", Kind::Build, false),
    entry("*.mk", "make", Kind::Build, false),
    entry("configure", "whoever builds", Kind::Build, false),
    entry("makefile", "make", Kind::Build, false),
    entry("GNUmakefile", "make", Kind::Build, false),
    entry("justfile", "just", Kind::Build, false),
    entry("Taskfile.yml", "task", Kind::Build, false),
    entry("CMakeLists.txt", "cmake", Kind::Build, false),
    entry("meson.build", "meson", Kind::Build, false),
    entry("package.json", "npm and others", Kind::Build, false),
    entry(".npmrc", "npm", Kind::Build, false),
    entry(".yarnrc.yml", "yarn", Kind::Build, false),
    entry(".yarnrc", "yarn", Kind::Build, false),
    entry(".yarn", "yarn", Kind::Build, false),
    entry(".pnpmfile.cjs", "pnpm", Kind::Build, false),
    entry("Cargo.toml", "cargo", Kind::Build, false),
    entry("build.rs", "cargo", Kind::Build, false),
    entry(".cargo", "cargo", Kind::Build, false),
    entry("rust-toolchain", "rustup", Kind::Build, false),
    entry("rust-toolchain.toml", "rustup", Kind::Build, false),
    entry("pyproject.toml", "pip and others", Kind::Build, false),
    entry("setup.py", "pip and others", Kind::Build, false),
    entry("setup.cfg", "pip and others", Kind::Build, false),
    entry("conftest.py", "pytest", Kind::Build, false),
    entry("sitecustomize.py", "Python", Kind::Build, false),
    entry("usercustomize.py", "Python", Kind::Build, false),
    entry("noxfile.py", "nox", Kind::Build, false),
    entry("tox.ini", "tox", Kind::Build, false),
    entry("build.gradle", "gradle", Kind::Build, false),
    entry("build.gradle.kts", "gradle", Kind::Build, false),
    entry("settings.gradle", "gradle", Kind::Build, false),
    entry("gradlew", "whoever builds", Kind::Build, false),
    entry("gradle/wrapper", "gradlew", Kind::Build, false),
    entry("pom.xml", "Maven", Kind::Build, false),
    entry("mvnw", "whoever builds", Kind::Build, false),
    entry(".mvn", "Maven", Kind::Build, false),
    entry("Rakefile", "rake", Kind::Build, false),
    entry("Gemfile", "bundler", Kind::Build, false),
    entry("Containerfile", "container builds", Kind::Build, false),
    entry("Dockerfile", "docker", Kind::Build, false),
    entry("compose.yaml", "docker compose", Kind::Build, false),
    entry("compose.yml", "docker compose", Kind::Build, false),
    entry("docker-compose.yml", "docker compose", Kind::Build, false),
    entry(".github/workflows", "GitHub, and act", Kind::Build, false),
    entry(".gitlab-ci.yml", "GitLab", Kind::Build, false),
    // Left behind by builds.
    entry(".venv/bin", "Python tools", Kind::Program, false),
    entry("venv/bin", "Python tools", Kind::Program, false),
    entry("node_modules/.bin", "Node tools", Kind::Program, false),
    entry(
        "target/debug/*",
        "whoever tries the build",
        Kind::Program,
        false,
    ),
    entry(
        "target/release/*",
        "whoever tries the build",
        Kind::Program,
        false,
    ),
    // The desktop.
    entry("*.desktop", "the desktop", Kind::Desktop, false),
    entry(".directory", "the file manager", Kind::Desktop, false),
    entry("autorun.inf", "the file manager", Kind::Desktop, false),
    // claudebox's own.
    entry(".claudebox", "claudebox", Kind::Claudebox, true),
    entry(".claudebox.env", "claudebox", Kind::Claudebox, true),
    entry(".claudebox.json", "claudebox", Kind::Claudebox, true),
    entry(".claudebox.toml", "claudebox", Kind::Claudebox, true),
    entry(".claudebox*", "claudebox", Kind::Claudebox, false),
];

/// The entry for `path`, which is relative to a `base`, or for a folder above it. Case does not count, nor what is not seen:
/// a file system that folds names, here or where the folder is synced to, finds `.git` under `.GIT` (CVE-2014-9390,
/// CVE-2021-21300). The most exact entry wins, then a guarded one.
#[must_use]
pub fn find(base: Base, path: &str) -> Option<&'static Entry> {
    let path = folded(OsStr::new(path));
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let parts = |entry: &&Entry| entry.pattern.split('/').count();
    LIST.iter()
        .filter(|entry| entry.base == base && covers(entry.pattern, &names))
        .max_by_key(|entry| (parts(entry), !entry.pattern.contains('*'), entry.guarded))
}

/// An entry for something in the folder `path` of a project.
#[must_use]
pub fn below(path: &str) -> Option<&'static Entry> {
    let folder = folded(OsStr::new(path)) + "/";
    LIST.iter()
        .find(|entry| entry.base == Base::Project && entry.pattern.starts_with(&folder))
}

/// Whether `pattern` names what `names` lead to, or a folder above it.
fn covers(pattern: &str, names: &[&str]) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    parts.len() <= names.len()
        && parts
            .iter()
            .zip(names)
            .all(|(part, name)| matches(&folded(OsStr::new(part)), name))
}

/// One name, with `*` for any part of it.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_each_pattern_once_and_relative() {
        let mut patterns: Vec<_> = LIST
            .iter()
            .map(|e| (e.base == Base::Git, e.pattern))
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        assert_eq!(patterns.len(), LIST.len());
        assert!(LIST.iter().all(|entry| {
            !entry.pattern.starts_with('/')
                && !entry.pattern.ends_with('/')
                && !entry.what.is_empty()
        }));
    }

    #[test]
    fn a_name_is_found_under_every_spelling_and_below_its_folder() {
        let found = |path| find(Base::Project, path).map(|entry| entry.pattern);
        assert_eq!(
            found(".CLAUDE/Settings.json"),
            Some(".claude/settings.json")
        );
        assert_eq!(found(".g\u{200c}it"), Some(".git"));
        assert_eq!(
            found(".claude/settings.mine.json"),
            Some(".claude/settings*.json")
        );
        assert_eq!(found(".claude/hooks/deep/check"), Some(".claude/hooks"));
        assert_eq!(found("app.code-workspace"), Some("*.code-workspace"));
        assert_eq!(found(".claudebox.env"), Some(".claudebox.env"));
        assert_eq!(found("src/main.rs"), None);
        assert_eq!(found("src/.envrc"), None);
        let git = |path| find(Base::Git, path).map(|entry| entry.pattern);
        assert_eq!(git("worktrees/second/GITDIR"), Some("worktrees/*/gitdir"));
        assert_eq!(git("hooks/pre-commit"), Some("hooks"));
        assert_eq!(git("index.lock"), Some("*.lock"));
    }
}
