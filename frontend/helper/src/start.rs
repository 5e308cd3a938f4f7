//! Start, memory and panics of the program that is linked without a C library.

extern crate alloc;

use alloc::vec::Vec;
use core::arch::global_asm;
use core::ffi::{CStr, c_char};

mod memory;

#[global_allocator]
static ALLOCATOR: rustix_dlmalloc::GlobalDlmalloc = rustix_dlmalloc::GlobalDlmalloc;

// The kernel enters here with the argument block on the stack; the C calling convention wants it 16-byte aligned.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    entry = sym entry
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "bl {entry}",
    "brk #1",
    entry = sym entry
);

// The precompiled core and alloc mention these two in their unwind tables; with panic = "abort" nothing calls them.
global_asm!(".globl rust_eh_personality", "rust_eh_personality:", ".globl _Unwind_Resume", "_Unwind_Resume:");
#[cfg(target_arch = "x86_64")]
global_asm!("ud2");
#[cfg(target_arch = "aarch64")]
global_asm!("brk #1");

/// Reads the argument block (argc, argv, null, environment, null, auxiliary vector) and runs the library.
unsafe extern "C" fn entry(block: *const usize) -> ! {
    // SAFETY: `block` is the stack as the kernel laid it out for a new program.
    let (args, env) = unsafe {
        let argc = *block;
        let argv = block.add(1).cast::<*const c_char>();
        let (args, env) = (strings(argv), strings(argv.add(argc + 1)));
        #[cfg(target_arch = "aarch64")]
        capabilities::note(block.add(argc + env.len() + 3));
        (args, env)
    };
    factory_helper::exit(factory_helper::run(args, env))
}

/// Copies a null-terminated array of C strings.
///
/// # Safety
/// `array` must point to such an array.
unsafe fn strings(mut array: *const *const c_char) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    // SAFETY: by the caller's promise every element up to the null is a C string.
    unsafe {
        while !(*array).is_null() {
            all.push(CStr::from_ptr(*array).to_bytes().to_vec());
            array = array.add(1);
        }
    }
    all
}

#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    factory_helper::abort(info)
}

/// What the processor can do, as the kernel told us at the start. The CPU detection of `sha2` asks for it by the name that
/// a C library has for it.
#[cfg(target_arch = "aarch64")]
mod capabilities {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// The key of the processor's capabilities in the auxiliary vector (getauxval(3)).
    const AT_HWCAP: u64 = 16;

    static CAPABILITIES: AtomicU64 = AtomicU64::new(0);

    /// Finds the capabilities in the auxiliary vector.
    ///
    /// # Safety
    /// `vector` must be pairs of key and value that end with the key zero.
    pub(super) unsafe fn note(vector: *const usize) {
        let mut pair = vector.cast::<[u64; 2]>();
        // SAFETY: by the caller's promise there is a pair up to the one with the key zero.
        unsafe {
            while (*pair)[0] != 0 {
                if (*pair)[0] == AT_HWCAP {
                    CAPABILITIES.store((*pair)[1], Relaxed);
                }
                pair = pair.add(1);
            }
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn getauxval(kind: u64) -> u64 {
        if kind == AT_HWCAP { CAPABILITIES.load(Relaxed) } else { 0 }
    }
}
