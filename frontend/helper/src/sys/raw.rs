//! The system calls that rustix does not wrap.

use core::arch::asm;
use core::ffi::{CStr, c_char};

use linux_raw_sys::general as kernel;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};
use rustix::io::Errno;

/// One system call; the result is negative for an error number.
///
/// # Safety
/// As the call itself.
#[cfg(target_arch = "x86_64")]
unsafe fn call(number: u32, args: [usize; 5]) -> isize {
    let result;
    // SAFETY: the caller's; the registers are those of the kernel's calling convention.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") args[0], in("rsi") args[1],
            in("rdx") args[2], in("r10") args[3], in("r8") args[4], lateout("rcx") _, lateout("r11") _,
            options(nostack));
    }
    result
}

/// One system call; the result is negative for an error number.
///
/// # Safety
/// As the call itself.
#[cfg(target_arch = "aarch64")]
unsafe fn call(number: u32, args: [usize; 5]) -> isize {
    let result;
    // SAFETY: the caller's; the registers are those of the kernel's calling convention.
    unsafe {
        asm!("svc 0", in("x8") number as usize, inlateout("x0") args[0] as isize => result, in("x1") args[1],
            in("x2") args[2], in("x3") args[3], in("x4") args[4], options(nostack));
    }
    result
}

fn checked(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result as i32))
}

/// The number of a descriptor.
pub(crate) fn number(fd: &impl AsRawFd) -> i32 {
    fd.as_raw_fd()
}

/// Ends the process with all its threads.
pub(crate) fn exit(code: i32) -> ! {
    loop {
        // SAFETY: touches no memory.
        unsafe { call(kernel::__NR_exit_group, [code as usize, 0, 0, 0, 0]) };
    }
}

/// `fork`: zero in the child, its process id in the parent.
///
/// # Safety
/// The process must have a single thread, and the child may only make system calls: locks and buffers of a C library,
/// where there is one, do not know that they were copied.
pub(crate) unsafe fn fork() -> Result<i32, Errno> {
    const SIGCHLD: usize = kernel::SIGCHLD as usize;
    // SAFETY: no new stack and no shared memory; the rest is the caller's promise.
    checked(unsafe { call(kernel::__NR_clone, [SIGCHLD, 0, 0, 0, 0]) }).map(|pid| pid as i32)
}

/// `execve`: returns only when it failed.
///
/// # Safety
/// `argv` and `envp` must be null-terminated arrays of C strings.
pub(crate) unsafe fn execve(path: &CStr, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    // SAFETY: the caller's promise.
    let result =
        unsafe { call(kernel::__NR_execve, [path.as_ptr() as usize, argv as usize, envp as usize, 0, 0]) };
    Errno::from_raw_os_error(-result as i32)
}

/// `dup3` without close-on-exec: makes `target` another name of `fd`.
///
/// # Safety
/// Whatever was open as `target` is closed under its owner.
pub(crate) unsafe fn replace_descriptor(fd: &impl AsRawFd, target: i32) -> Result<(), Errno> {
    // SAFETY: touches no memory; the rest is the caller's promise.
    checked(unsafe { call(kernel::__NR_dup3, [number(fd) as usize, target as usize, 0, 0, 0]) }).map(drop)
}

/// Sends SIGKILL to every process but this one and the first of the namespace; only for that first process.
pub(crate) fn kill_all_others() {
    // SAFETY: touches no memory.
    unsafe { call(kernel::__NR_kill, [usize::MAX, kernel::SIGKILL as usize, 0, 0, 0]) };
}

/// Replaces the blocked signals of this thread (bit n-1 is signal n) and returns those of before.
pub(crate) fn set_blocked_signals(set: u64) -> u64 {
    let mut before = 0_u64;
    let how = kernel::SIG_SETMASK as usize;
    // SAFETY: both pointers are to eight bytes, as the last argument says.
    unsafe {
        call(kernel::__NR_rt_sigprocmask, [how, &raw const set as usize, &raw mut before as usize, 8, 0])
    };
    before
}

/// Lets a signal do again what it does in a new program.
pub(crate) fn default_signal(signal: u32) {
    // The kernel's structure: handler, flags, restorer, mask; all zero is the default action.
    let action = [0_u64; 4];
    // SAFETY: `action` has the size of the structure on either architecture, and the mask's size is eight.
    unsafe { call(kernel::__NR_rt_sigaction, [signal as usize, action.as_ptr() as usize, 0, 8, 0]) };
}

/// A descriptor from which the blocked signals of `set` can be read.
pub(crate) fn signal_descriptor(set: u64) -> Result<OwnedFd, Errno> {
    let flags = (kernel::O_CLOEXEC | kernel::O_NONBLOCK) as usize;
    // SAFETY: `set` is eight bytes, as the third argument says; a result that is no error is a descriptor of ours.
    unsafe {
        let fd = checked(call(kernel::__NR_signalfd4, [usize::MAX, &raw const set as usize, 8, flags, 0]))?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// What a process has used, and those of its children that it has waited for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time in user mode, in microseconds.
    pub(crate) user_us: u64,
    /// Processor time in the kernel, in microseconds.
    pub(crate) system_us: u64,
    /// The largest resident set that one process of them had, in KiB.
    pub(crate) peak_rss_kib: u64,
}

impl Usage {
    /// Adds what another process has used.
    pub(crate) fn add(&mut self, other: &Self) {
        self.user_us += other.user_us;
        self.system_us += other.system_us;
        self.peak_rss_kib = self.peak_rss_kib.max(other.peak_rss_kib);
    }
}

/// A child that has ended.
pub(crate) struct Ended {
    /// Which one.
    pub(crate) pid: i32,
    /// How, as `wait` encodes it.
    pub(crate) status: i32,
    /// What it has used.
    pub(crate) usage: Usage,
}

/// `wait4` for any child, without waiting. None: there are children, and none of them has ended.
pub(crate) fn wait_child() -> Result<Option<Ended>, Errno> {
    let mut status = 0_i32;
    // The kernel's structure: two times of two words, then fourteen words, of which the first is the resident set.
    let mut words = [0_i64; 18];
    let arguments =
        [usize::MAX, &raw mut status as usize, kernel::WNOHANG as usize, words.as_mut_ptr() as usize, 0];
    // SAFETY: `status` is an int, and `words` has the size of the structure on 64-bit architectures.
    let pid = checked(unsafe { call(kernel::__NR_wait4, arguments) })?;
    let microseconds = |at: usize| (words[at] * 1_000_000 + words[at + 1]) as u64;
    let usage = Usage { user_us: microseconds(0), system_us: microseconds(2), peak_rss_kib: words[4] as u64 };
    Ok((pid != 0).then_some(Ended { pid: pid as i32, status, usage }))
}
