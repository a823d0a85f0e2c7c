//! Owns the list: each call that is refused, why, and by which source it is known.

use nix::libc;

use super::{Condition, Rule};
use Condition::{Bit, Equal, Not};

/// Calls that are refused whatever their arguments.
fn always(calls: &[(&str, i64, &'static str)]) -> Vec<Rule> {
    let rule = |(name, number, why): &(&str, i64, &'static str)| Rule::new(*name, *number, why);
    calls.iter().map(rule).collect()
}

/// An argument as the kernel reads it.
fn bits(value: impl TryInto<u32>) -> u32 {
    value.try_into().unwrap_or(u32::MAX)
}

pub(super) fn keyrings() -> Vec<Rule> {
    let why = "the user keyring is the host's in every namespace (user-keyring(7), moby#10939)";
    always(&[
        ("keyctl", libc::SYS_keyctl, why),
        ("add_key", libc::SYS_add_key, why),
        ("request_key", libc::SYS_request_key, why),
    ])
}

pub(super) fn terminal_injection() -> Vec<Rule> {
    let request = |name: &str, request, why| {
        Rule::new(format!("ioctl {name}"), libc::SYS_ioctl, why).only(Equal(1, bits(request)))
    };
    vec![
        request(
            "TIOCSTI",
            libc::TIOCSTI,
            "types into the user's terminal (ioctl_tty(2), CVE-2017-5226)",
        ),
        request(
            "TIOCLINUX",
            libc::TIOCLINUX,
            "pastes into a virtual console (ioctl_console(2), CVE-2023-28100)",
        ),
    ]
}

/// Requests of linux/kd.h and linux/vt.h that vt_ioctl() (drivers/tty/vt/vt_ioctl.c) grants to whoever has the console as controlling
/// terminal. Those that ask for a capability besides need no rule.
pub(super) fn consoles() -> Vec<Rule> {
    let line = "loads a driver for the line (N_GSM, N_HDLC), and stays when the session is over (ioctl_tty(2), CVE-2023-6546, \
                CVE-2017-2636)";
    let keyboard = "the user's keyboard is mute, or types something else (ioctl_console(2))";
    let screen = "the user's console shows nothing, or other letters and colours than are there (ioctl_console(2))";
    let font =
        "the fonts of a console have been a way into the kernel (ioctl_console(2), CVE-2020-28974)";
    let switching =
        "the user cannot leave the console, or is taken to another (ioctl_vt(2), CVE-2020-36557)";
    let size = "the size of a console, below its terminal (ioctl_vt(2), CVE-2020-36558)";
    let requests = [
        ("TIOCSETD", bits(libc::TIOCSETD), line),
        ("KDSKBMODE", 0x4b45, keyboard),
        ("KDSKBMETA", 0x4b63, keyboard),
        ("KDSKBDIACR", 0x4b4b, keyboard),
        ("KDSKBDIACRUC", 0x4bfb, keyboard),
        ("KDSKBLED", 0x4b65, keyboard),
        ("KDSETLED", 0x4b32, keyboard),
        ("KDSETMODE", 0x4b3a, screen),
        ("PIO_CMAP", 0x4b71, screen),
        ("PIO_SCRNMAP", 0x4b41, screen),
        ("PIO_UNISCRNMAP", 0x4b6a, screen),
        ("PIO_UNIMAP", 0x4b67, screen),
        ("PIO_UNIMAPCLR", 0x4b68, screen),
        ("PIO_FONT", 0x4b61, font),
        ("PIO_FONTX", 0x4b6c, font),
        ("PIO_FONTRESET", 0x4b6d, font),
        ("KDFONTOP", 0x4b72, font),
        ("VT_SETMODE", 0x5602, switching),
        ("VT_RELDISP", 0x5605, switching),
        ("VT_ACTIVATE", 0x5606, switching),
        ("VT_SETACTIVATE", 0x560f, switching),
        ("VT_DISALLOCATE", 0x5608, switching),
        ("VT_RESIZE", 0x5609, size),
        ("VT_RESIZEX", 0x560a, size),
    ];
    let rule = |(name, request, why): (&str, u32, &'static str)| {
        Rule::new(format!("ioctl {name}"), libc::SYS_ioctl, why).only(Equal(1, request))
    };
    requests.into_iter().map(rule).collect()
}

pub(super) fn set_id_modes() -> Vec<Rule> {
    // The call, and the argument that is the mode.
    let mut modes = vec![
        ("fchmod", libc::SYS_fchmod, 1),
        ("fchmodat", libc::SYS_fchmodat, 2),
        ("fchmodat2", libc::SYS_fchmodat2, 2),
        ("openat", libc::SYS_openat, 3),
        ("mknodat", libc::SYS_mknodat, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    modes.extend([
        ("chmod", libc::SYS_chmod, 1),
        ("open", libc::SYS_open, 2),
        ("creat", libc::SYS_creat, 1),
        ("mknod", libc::SYS_mknod, 1),
    ]);
    let set_id = [("S_ISUID", libc::S_ISUID), ("S_ISGID", libc::S_ISGID)];
    let why = "on the host the file would be set-user-ID too (chmod(2))";
    let by_mode = modes.into_iter().flat_map(|(name, number, argument)| {
        set_id.map(|(bit_name, bit)| {
            Rule::new(format!("{name} {bit_name}"), number, why).only(Bit(argument, bit))
        })
    });
    let unseen = [
        Rule::new(
            "openat2",
            libc::SYS_openat2,
            "its mode stands in memory, which no filter reads (openat2(2))",
        ),
        Rule::new(
            "io_uring_setup",
            libc::SYS_io_uring_setup,
            "a ring opens, connects and writes past every filter (io_uring(7))",
        ),
    ];
    by_mode.chain(unseen.map(Rule::unknown)).collect()
}

pub(super) fn socket_families() -> Vec<Rule> {
    const UNIX: u32 = libc::AF_UNIX as u32;
    const INET: u32 = libc::AF_INET as u32;
    const INET6: u32 = libc::AF_INET6 as u32;
    const NETLINK: u32 = libc::AF_NETLINK as u32;
    let other_than = |name: &str, number, known: &[u32]| {
        let why = "each family is a part of the kernel to attack; VSOCK, ALG, PACKET and their like leave namespaces or \
                   have been the way out (address_families(7), moby#44562)";
        let rule = Rule::new(name, number, why);
        known
            .iter()
            .fold(rule, |rule, family| rule.only(Not(0, *family)))
    };
    [
        other_than(
            "socket of another family",
            libc::SYS_socket,
            &[UNIX, INET, INET6, NETLINK],
        ),
        Rule::new(
            "socket NETLINK other than route",
            libc::SYS_socket,
            "only the protocol by which programs list addresses (netlink(7))",
        )
        .only(Equal(0, NETLINK))
        .only(Not(2, bits(libc::NETLINK_ROUTE))),
        other_than(
            "socketpair of another family",
            libc::SYS_socketpair,
            &[UNIX],
        ),
    ]
    .map(|rule| rule.answering(libc::EAFNOSUPPORT))
    .to_vec()
}

/// CLONE_NEWTIME of linux/sched.h. clone(2) cannot ask for it: its lowest byte is a signal.
const CLONE_NEWTIME: i32 = 0x80;

pub(super) fn namespaces() -> Vec<Rule> {
    let flags = [
        ("CLONE_NEWUSER", libc::CLONE_NEWUSER),
        ("CLONE_NEWNS", libc::CLONE_NEWNS),
        ("CLONE_NEWPID", libc::CLONE_NEWPID),
        ("CLONE_NEWNET", libc::CLONE_NEWNET),
        ("CLONE_NEWIPC", libc::CLONE_NEWIPC),
        ("CLONE_NEWUTS", libc::CLONE_NEWUTS),
        ("CLONE_NEWCGROUP", libc::CLONE_NEWCGROUP),
    ];
    let why = "a namespace of one's own brings capabilities in it, and with them most of the kernel (user_namespaces(7), \
               CVE-2022-0185, CVE-2024-1086)";
    let with = |call: &str, number, (name, flag): (&str, i32)| {
        Rule::new(format!("{call} {name}"), number, why).only(Bit(0, bits(flag)))
    };
    let new_time = ("CLONE_NEWTIME", CLONE_NEWTIME);
    let clone = flags.map(|flag| with("clone", libc::SYS_clone, flag));
    let unshare = flags.into_iter().chain([new_time]);
    let unshare = unshare.map(|flag| with("unshare", libc::SYS_unshare, flag));
    let others = [
        Rule::new(
            "clone3",
            libc::SYS_clone3,
            "its flags stand in memory, which no filter reads; C libraries fall back to clone(2) (CVE-2021-41133)",
        )
        .unknown(),
        Rule::new(
            "setns",
            libc::SYS_setns,
            "joins a namespace that a descriptor leads to (setns(2))",
        ),
    ];
    clone.into_iter().chain(unshare).chain(others).collect()
}

/// open_tree_attr(2) of Linux 6.15; the same number on every architecture (asm-generic/unistd.h).
const SYS_OPEN_TREE_ATTR: i64 = 467;

pub(super) fn mounts() -> Vec<Rule> {
    let old = "nothing inside mounts; the mounts are the sandbox (mount(2))";
    let new =
        "the newer way to mount, which lists of the old calls forget (fsopen(2), CVE-2021-41133)";
    always(&[
        ("mount", libc::SYS_mount, old),
        ("umount2", libc::SYS_umount2, old),
        (
            "pivot_root",
            libc::SYS_pivot_root,
            "moves the root (pivot_root(2))",
        ),
        (
            "chroot",
            libc::SYS_chroot,
            "moves the root of a process (chroot(2))",
        ),
        ("open_tree", libc::SYS_open_tree, new),
        ("open_tree_attr", SYS_OPEN_TREE_ATTR, new),
        ("move_mount", libc::SYS_move_mount, new),
        ("fsopen", libc::SYS_fsopen, new),
        ("fsconfig", libc::SYS_fsconfig, new),
        ("fsmount", libc::SYS_fsmount, new),
        ("fspick", libc::SYS_fspick, new),
        ("mount_setattr", libc::SYS_mount_setattr, new),
    ])
}

pub(super) fn other_processes() -> Vec<Rule> {
    let memory = "reads and writes another's memory without ptrace(2) (process_vm_readv(2)); debuggers fall back";
    let pages = "moves another's pages (move_pages(2))";
    let mut rules = vec![
        Rule::new(
            "ptrace PID 1",
            libc::SYS_ptrace,
            "PID 1 holds the launcher's socket (ptrace(2)); one's own children can be traced",
        )
        .only(Equal(1, 1)),
    ];
    rules.extend(always(&[
        ("process_vm_readv", libc::SYS_process_vm_readv, memory),
        ("process_vm_writev", libc::SYS_process_vm_writev, memory),
        (
            "process_madvise",
            libc::SYS_process_madvise,
            "frees another's pages (process_madvise(2))",
        ),
        (
            "pidfd_getfd",
            libc::SYS_pidfd_getfd,
            "takes another's descriptors (pidfd_getfd(2))",
        ),
        (
            "kcmp",
            libc::SYS_kcmp,
            "compares addresses of the kernel's own objects (kcmp(2))",
        ),
        ("move_pages", libc::SYS_move_pages, pages),
        ("migrate_pages", libc::SYS_migrate_pages, pages),
    ]));
    rules
}

pub(super) fn kernel_interfaces() -> Vec<Rule> {
    let ring = "for a ring that came from elsewhere (io_uring(7))";
    let mut rules = always(&[
        (
            "bpf",
            libc::SYS_bpf,
            "programs in the kernel (bpf(2), CVE-2021-3490)",
        ),
        (
            "perf_event_open",
            libc::SYS_perf_event_open,
            "watches other processes and the kernel (perf_event_open(2), CVE-2023-2235)",
        ),
        (
            "userfaultfd",
            libc::SYS_userfaultfd,
            "holds the kernel in the middle of a copy, the base of many exploits (userfaultfd(2))",
        ),
        (
            "fanotify_init",
            libc::SYS_fanotify_init,
            "watches whole file systems (fanotify_init(2))",
        ),
        (
            "lookup_dcookie",
            libc::SYS_lookup_dcookie,
            "names files by kernel cookies (lookup_dcookie(2))",
        ),
    ]);
    rules.push(
        Rule::new(
            "personality",
            libc::SYS_personality,
            "an executable heap, or no address randomisation, also for set-user-ID programs (personality(2))",
        )
        .only(Not(0, 0))
        // The question for the present one.
        .only(Not(0, u32::MAX)),
    );
    let rings = [
        ("io_uring_enter", libc::SYS_io_uring_enter),
        ("io_uring_register", libc::SYS_io_uring_register),
    ];
    rules.extend(rings.map(|(name, number)| Rule::new(name, number, ring).unknown()));
    #[cfg(target_arch = "x86_64")]
    rules.extend(always(&[
        (
            "modify_ldt",
            libc::SYS_modify_ldt,
            "segments of 16 bits (modify_ldt(2), CVE-2015-5157)",
        ),
        (
            "uselib",
            libc::SYS_uselib,
            "loads a library of the old kind (uselib(2), CVE-2004-1235)",
        ),
    ]));
    rules
}

pub(super) fn file_handles() -> Vec<Rule> {
    always(&[
        (
            "open_by_handle_at",
            libc::SYS_open_by_handle_at,
            "opens a file of the host by its number, past every mount (open_by_handle_at(2), CVE-2014-3519)",
        ),
        (
            "name_to_handle_at",
            libc::SYS_name_to_handle_at,
            "gives the numbers for it (name_to_handle_at(2))",
        ),
    ])
}

pub(super) fn machine() -> Vec<Rule> {
    let modules = "code in the kernel (init_module(2))";
    let kexec = "another kernel (kexec_load(2))";
    let swap = "the machine's memory (swapon(2))";
    let quota = "the limits of a file system (quotactl(2))";
    let clock = "the machine's clock (settimeofday(2), clock_settime(2))";
    let name = "the name of the sandbox (sethostname(2))";
    #[cfg(target_arch = "x86_64")]
    let ports = "the machine's ports (iopl(2), ioperm(2))";
    let calls = [
        ("init_module", libc::SYS_init_module, modules),
        ("finit_module", libc::SYS_finit_module, modules),
        ("delete_module", libc::SYS_delete_module, modules),
        ("kexec_load", libc::SYS_kexec_load, kexec),
        ("kexec_file_load", libc::SYS_kexec_file_load, kexec),
        (
            "reboot",
            libc::SYS_reboot,
            "the machine's power (reboot(2))",
        ),
        ("swapon", libc::SYS_swapon, swap),
        ("swapoff", libc::SYS_swapoff, swap),
        ("acct", libc::SYS_acct, "records of all processes (acct(2))"),
        ("quotactl", libc::SYS_quotactl, quota),
        ("quotactl_fd", libc::SYS_quotactl_fd, quota),
        (
            "syslog",
            libc::SYS_syslog,
            "the kernel's log, with its addresses (syslog(2))",
        ),
        ("settimeofday", libc::SYS_settimeofday, clock),
        ("clock_settime", libc::SYS_clock_settime, clock),
        ("sethostname", libc::SYS_sethostname, name),
        ("setdomainname", libc::SYS_setdomainname, name),
        (
            "vhangup",
            libc::SYS_vhangup,
            "hangs the user's terminal up (vhangup(2))",
        ),
        #[cfg(target_arch = "x86_64")]
        ("iopl", libc::SYS_iopl, ports),
        #[cfg(target_arch = "x86_64")]
        ("ioperm", libc::SYS_ioperm, ports),
    ];
    always(&calls)
}
