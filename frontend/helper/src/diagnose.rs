//! Why a command cannot be started, in words: the kernel has one number for several reasons.

use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::io::Errno;

use crate::fault::{Fault, NOT_EXECUTABLE, NOT_FOUND, Reason};
use crate::sys::file;

/// How much of a program is read to find its interpreter; the kernel itself reads 256 bytes of a script.
const LOOKED_AT: usize = 4096;

/// The fault for a command that could not be executed.
pub(crate) fn explain(command: &[u8], candidates: &[CString], cwd: Option<&[u8]>, errno: Errno) -> Fault {
    let shown = format!("\"{}\"", command.escape_ascii());
    match errno {
        Errno::NOENT => absent(&shown, candidates, cwd),
        Errno::NOEXEC => Fault::command(
            NOT_EXECUTABLE,
            format!(
                "{shown}: exec format error: neither a program for this machine nor a script that begins with #!"
            ),
        ),
        Errno::ACCESS => {
            Fault::command(NOT_EXECUTABLE, format!("{shown}: permission denied: not an executable file"))
        }
        _ => Fault::command(NOT_EXECUTABLE, format!("{shown}: {}", Reason(errno))),
    }
}

/// "No such file" is said of the command, and of the interpreter that a command names.
fn absent(shown: &str, candidates: &[CString], cwd: Option<&[u8]>) -> Fault {
    for candidate in candidates {
        let path = from(cwd, candidate.as_bytes());
        let Ok(start) = file::read_start(&path, LOOKED_AT) else { continue };
        if let Some(interpreter) = interpreter(&start) {
            let path = path.escape_ascii();
            return Fault::command(
                NOT_FOUND,
                format!(
                    "{shown}: the interpreter of {path}, \"{}\", does not exist",
                    interpreter.escape_ascii()
                ),
            );
        }
    }
    let message = match candidates {
        [only] if only.as_bytes().contains(&b'/') && shown.contains('/') => {
            format!("{shown}: no such file or directory")
        }
        _ => format!("{shown}: no such command in {}", directories(candidates)),
    };
    Fault::command(NOT_FOUND, message)
}

/// A relative path counts from the command's working directory, which is not the helper's.
fn from(cwd: Option<&[u8]>, path: &[u8]) -> Vec<u8> {
    match cwd {
        Some(cwd) if !path.starts_with(b"/") => [cwd, path].join(&b'/'),
        _ => path.to_vec(),
    }
}

fn directories(candidates: &[CString]) -> String {
    let mut list = String::new();
    for candidate in candidates {
        let path = candidate.as_bytes();
        let dir = &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)];
        let separator = if list.is_empty() { "" } else { ", " };
        list.push_str(&format!("{separator}{}", dir.escape_ascii()));
    }
    list
}

/// The interpreter that a script names in its first line, or an ELF program in its headers.
fn interpreter(start: &[u8]) -> Option<&[u8]> {
    match start {
        [b'#', b'!', rest @ ..] => {
            let line = rest.split(|&byte| byte == b'\n').next()?;
            line.split(|byte| matches!(byte, b' ' | b'\t')).find(|word| !word.is_empty())
        }
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => elf_interpreter(start),
        _ => None,
    }
}

/// The segment of type PT_INTERP of a 64-bit little-endian ELF program.
fn elf_interpreter(start: &[u8]) -> Option<&[u8]> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = start.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    };
    let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    let headers = (0..count).map_while(|at| usize::try_from(at.checked_mul(size)?.checked_add(table)?).ok());
    let header = headers.into_iter().find(|&at| number(at, 4) == Some(PT_INTERP))?;
    let offset = usize::try_from(number(header.checked_add(8)?, 8)?).ok()?;
    let length = usize::try_from(number(header.checked_add(32)?, 8)?).ok()?;
    let path = start.get(offset..offset.checked_add(length)?)?;
    Some(path.strip_suffix(&[0]).unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_script_names_its_interpreter() {
        for (start, expected) in [
            (&b"#!/bin/bash\nx"[..], Some(&b"/bin/bash"[..])),
            (b"#! /usr/bin/env -S python3\n", Some(b"/usr/bin/env")),
            (b"#!/x\r\n", Some(b"/x\r")),
            (b"#!\n", None),
            (b"echo", None),
            (b"", None),
        ] {
            assert_eq!(interpreter(start), expected);
        }
    }

    #[test]
    fn a_program_names_its_loader_and_rubbish_names_none() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let found = interpreter(&own[..LOOKED_AT]).unwrap();
        assert!(found.starts_with(b"/lib"), "{}", found.escape_ascii());
        let mut broken = own[..200].to_vec();
        broken[0x20..0x28].fill(0xff);
        assert_eq!(interpreter(&broken), None);
    }
}
