//! Owns the network of a session on the tier `inet`, on the launcher's side: hears that the fence stands, starts the helper, keeps
//! the fence in step with the host's network, and asks at the end what was refused.
//!
//! A helper that ends takes the network with it, and never the fence. A fence that cannot follow takes the helper with it.

use std::fs::File;
use std::io::{self, IoSliceMut, PipeReader};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::session::Trouble;
use super::watch::Watch;
use super::{LaunchError, prepare};
use crate::descriptors::memory_file;
use crate::facts;
use crate::fence::refused::refusals;
use crate::fence::{Denied, Fence, Refusal};
use crate::helper::Kind;
use crate::init::Event;
use crate::outer::ORDER;
use crate::outer::join::{NETWORK, Order, Task, USER};
use crate::output;
use crate::plan::{Action, Plan};
use crate::report::RefusedTarget;
use crate::text::Text;

/// How long the outer stage may take. It takes some 50 ms.
const FENCE_LIMIT: Duration = Duration::from_secs(4);

/// How long nft(8) may take to change or list a fence.
const NFT_LIMIT: Duration = Duration::from_secs(2);

/// What became of the network by the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkEnd {
    /// What the fence refused, each target once.
    pub refused: Vec<RefusedTarget>,
    /// Why there was no network any more, if it was lost on the way.
    pub lost: Option<String>,
}

/// The outer namespaces, which live as long as this holds them.
struct Outer {
    /// This binary.
    stage: File,
    user: OwnedFd,
    network: OwnedFd,
}

/// The network of a session.
pub(super) struct Network {
    outer: Outer,
    helper: Child,
    program: Text,
    /// What the helper says.
    errors: PipeReader,
    watch: Option<Watch>,
    /// nft(8), and what is in force.
    fence: Option<(Text, Fence)>,
    resolvers: Vec<String>,
    lost: Option<String>,
}

impl Network {
    /// Waits for the fence to stand, then starts the helper. `None` where the plan has no network of its own.
    pub(super) fn start(
        plan: &Plan,
        control: &UnixStream,
        signals: &SignalFd,
        resolvers: &[String],
    ) -> Result<Option<Self>, Trouble> {
        let step = |wanted: fn(&Action) -> bool| {
            plan.steps
                .iter()
                .map(|step| &step.action)
                .find(|action| wanted(action))
        };
        let Some(Action::OuterNamespaces { launcher, .. }) =
            step(|action| matches!(action, Action::OuterNamespaces { .. }))
        else {
            return Ok(None);
        };
        // An update of the program meanwhile has no part in this session.
        let stage = prepare("open claudebox itself", File::open(launcher))?;
        // Listened to before the host is read again, so that no change is missed.
        let watch = match step(|action| *action == Action::FollowNetwork) {
            Some(_) => Some(prepare(
                "follow the host's network, rtnetlink(7)",
                Watch::new(),
            )?),
            None => None,
        };
        let (user, network) = fenced(control, signals)?;
        let outer = Outer {
            user,
            network,
            stage,
        };
        let fence = step(|action| matches!(action, Action::LoadFence { .. }));
        let fence = fence.and_then(|action| match action {
            Action::LoadFence { nft, fence } => Some((nft.clone(), fence.clone())),
            _ => None,
        });
        let (kind, program, arguments) = helper(plan)
            .ok_or_else(|| init_failed("the plan has a network and nothing that carries it"))?;
        let (errors, helper_errors) = prepare("make a pipe", io::pipe())?;
        let order = order(Task::Carry, &program, kind.name(), arguments);
        let mut command = joining(&outer, &order).map_err(|source| started(&program, source))?;
        // A key of the terminal is for the command, not for the helper.
        command
            .stdout(Stdio::null())
            .stderr(helper_errors)
            .process_group(0);
        let helper = command
            .spawn()
            .map_err(|source| started(&program, source))?;
        drop(command);
        let mut network = Self {
            outer,
            helper,
            program,
            errors,
            watch,
            fence,
            resolvers: resolvers.to_vec(),
            lost: None,
        };
        network.follow();
        Ok(Some(network))
    }

    /// What is to be waited for, if anything.
    pub(super) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Why the helper is gone, if it is.
    pub(super) fn helper_ended(&mut self) -> Option<LaunchError> {
        let status = self.helper.try_wait().ok().flatten()?;
        let said = self.said();
        if self.lost.is_none() {
            self.lost = Some(format!("{} ended ({status}){said}", self.program));
        }
        let program = self.program.clone();
        Some(LaunchError::Helper {
            program,
            status: status.to_string(),
            said,
        })
    }

    /// PID 1 waits no longer, for this reason.
    pub(super) fn not_set_up(&mut self, why: &str) -> LaunchError {
        LaunchError::Helper {
            program: self.program.clone(),
            status: crate::text::escape(why.as_ref()),
            said: self.said(),
        }
    }

    /// The last of what the helper said, as the end of a sentence. Nobody is waited for.
    fn said(&mut self) -> String {
        super::said_in(&mut self.errors).map_or_else(String::new, |said| format!(": {said}"))
    }

    /// Loads the fence anew where the host's network is another one now.
    pub(super) fn follow(&mut self) {
        let Some(watch) = &self.watch else {
            return;
        };
        watch.drain();
        let Some((nft, in_force)) = &self.fence else {
            return;
        };
        if self.lost.is_some() {
            return;
        }
        let host = facts::Network::read(&self.resolvers);
        let changed = Denied::of(&host)
            .map_err(io::Error::other)
            .and_then(|denied| {
                let new = Fence::new(denied, in_force.exceptions.clone());
                if new != *in_force {
                    self.load(nft, &new)?;
                }
                Ok(new)
            });
        match changed {
            Ok(new) => self.fence = Some((nft.clone(), new)),
            Err(error) => {
                self.lost = Some(format!(
                    "the fence could not follow a change of the host's network: {error}"
                ));
                output::kill(&mut self.helper);
            }
        }
    }

    /// One transaction, then a look at what the kernel holds.
    fn load(&self, nft: &Text, new: &Fence) -> io::Result<()> {
        let update = new.update().to_string();
        self.nft(nft, &["-j", "-f", "-"], update.as_bytes())?;
        let held = self.nft(nft, &["-j", "list", "ruleset"], b"")?;
        new.verify(&serde_json::from_slice(&held)?)
            .map_err(io::Error::other)
    }

    /// What nft says, run in the outer namespaces.
    fn nft(&self, nft: &Text, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
        let arguments = arguments.iter().copied().map(Text::from).collect();
        let mut command = joining(&self.outer, &order(Task::Fence, nft, "nft", arguments))?;
        command.stdin(memory_file(input)?);
        let output = output::run_within(&mut command, NFT_LIMIT)
            .map_err(|error| io::Error::other(format!("{nft}: {error}")))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = output::said(&[&output.stderr, &output.stdout]);
        let status = output.status;
        Err(io::Error::other(format!("{nft} ended ({status}); {said}")))
    }

    /// Ends the helper; tells what was refused.
    pub(super) fn end(mut self) -> NetworkEnd {
        let _ = self.helper_ended();
        // Its device goes with it, and for that the kernel waits until no CPU uses it any more: some 40 ms, in which the fence
        // can be asked. What is counted stays in the fence.
        let _ = self.helper.kill();
        let refused = self.refused();
        // And all that it started.
        output::kill(&mut self.helper);
        NetworkEnd {
            refused,
            lost: self.lost,
        }
    }

    /// What the fence wrote down. Where it cannot be asked, nothing is told: it is no wall.
    fn refused(&self) -> Vec<RefusedTarget> {
        let Some((nft, fence)) = &self.fence else {
            return Vec::new();
        };
        let held = self.nft(nft, &["-j", "list", "ruleset"], b"").ok();
        let held = held.and_then(|held| serde_json::from_slice(&held).ok());
        let refused = held.as_ref().map(refusals).unwrap_or_default();
        let told = |one: Refusal| RefusedTarget {
            target: format!(
                "{}/{}",
                SocketAddr::new(one.address, one.port),
                one.protocol
            ),
            by: fence.denied.why(one.address).map_or_else(
                || "not of the internet that is handed out".into(),
                |(prefix, why)| format!("{prefix}: {why}"),
            ),
        };
        refused.into_iter().map(told).collect()
    }
}

fn init_failed(why: &str) -> LaunchError {
    LaunchError::Init {
        why: why.into(),
        hint: None,
    }
}

fn started(program: &Text, source: io::Error) -> LaunchError {
    LaunchError::Start {
        program: program.clone(),
        source,
    }
}

/// The helper of the plan, with all its options.
fn helper(plan: &Plan) -> Option<(Kind, Text, Vec<Text>)> {
    let mut program = None;
    let mut arguments = Vec::new();
    for step in &plan.steps {
        match &step.action {
            Action::Carry {
                helper,
                program: at,
                ..
            } => program = Some((*helper, at.clone())),
            Action::HelperOption { words } => arguments.extend_from_slice(words),
            _ => {}
        }
    }
    let (kind, program) = program?;
    arguments.extend(crate::helper::target(kind));
    Some((kind, program, arguments))
}

fn order(task: Task, program: &Text, name: &str, arguments: Vec<Text>) -> Order {
    Order {
        launcher: nix::unistd::getpid().as_raw(),
        task,
        program: program.clone(),
        name: name.into(),
        arguments,
    }
}

/// This binary, to enter the outer namespaces by `order`.
fn joining(outer: &Outer, order: &Order) -> io::Result<Command> {
    let map = |child_fd, parent_fd| FdMapping {
        parent_fd,
        child_fd,
    };
    let mappings = vec![
        map(USER, outer.user.try_clone()?),
        map(NETWORK, outer.network.try_clone()?),
        map(ORDER, memory_file(&serde_json::to_vec(order)?)?),
    ];
    // By way of this process: a descriptor has another number where it is handed over.
    let (own, stage) = (nix::unistd::getpid(), outer.stage.as_raw_fd());
    let mut command = Command::new(format!("/proc/{own}/fd/{stage}"));
    command.arg("join").env_clear().stdin(Stdio::null());
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    Ok(command)
}

/// Hears from the outer stage that the fence stands, and takes the namespaces over.
fn fenced(control: &UnixStream, signals: &SignalFd) -> Result<(OwnedFd, OwnedFd), Trouble> {
    let deadline = Instant::now() + FENCE_LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let limit = FENCE_LIMIT.as_secs();
            let why = format!("the fence did not stand within {limit} s");
            return Err(LaunchError::Fence { why, hint: None }.into());
        }
        let mut ready = [
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        let _ = poll(
            &mut ready,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO),
        );
        let spoken = ready[0].any().unwrap_or(true);
        while let Ok(Some(info)) = signals.read_signal() {
            if let Some(signal) = super::session::ending_signal(info.ssi_signo) {
                return Err(LaunchError::Interrupted(signal).into());
            }
        }
        if spoken {
            return prepare("hear the outer stage", take_over(control))?;
        }
    }
}

fn take_over(control: &UnixStream) -> io::Result<Result<(OwnedFd, OwnedFd), Trouble>> {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        control,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut rights,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            descriptors.extend(more);
        }
    }
    let said = bytes.get(..received.bytes).unwrap_or_default();
    if said.is_empty() {
        return Ok(Err(Trouble::Silent));
    }
    let event = serde_json::from_slice(said).map_err(io::Error::other)?;
    let mut descriptors = descriptors.into_iter();
    Ok(match (event, descriptors.next(), descriptors.next()) {
        (Event::Fenced, Some(user), Some(network)) => Ok((user, network)),
        (Event::Failed(why), ..) => {
            let why = crate::text::escape(why.as_ref());
            Err(LaunchError::Fence { why, hint: None }.into())
        }
        _ => Err(init_failed("the outer stage spoke out of turn").into()),
    })
}
