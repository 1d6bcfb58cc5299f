//! The memory limit of a built Worker: a field of its wasm module, changed after the build.
//!
//! The linker can set it too (`--max-memory`), but then a second limit would need a second build of some minutes.

use anyhow::{Context, Result, bail, ensure};

/// The bytes of a wasm page (WebAssembly core specification, section 4.2.8).
const PAGE_BYTES: u64 = 64 * 1024;

/// The id of the section that defines a module's memories (section 5.5.8).
const MEMORY_SECTION: u8 = 5;

/// `\0asm` and version 1 (section 5.5.16).
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// The module with `mib` MiB as the limit of its only memory.
///
/// # Errors
/// When the bytes are not a module, when it does not define exactly one unshared 32-bit memory, or when its initial
/// memory is larger.
pub(crate) fn with_maximum(module: &[u8], mib: u32) -> Result<Vec<u8>> {
    let mut rest = module.strip_prefix(HEADER).context("not a wasm module of version 1")?;
    let mut changed = HEADER.to_vec();
    let mut is_found = false;
    // This ends, because each section has at least one byte, its id.
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, after_size) = read_u32(after_id)?;
        let content = after_size.get(..size as usize).context("a section is cut short")?;
        let following = after_size.get(size as usize..).unwrap_or_default();
        if id == MEMORY_SECTION {
            is_found = true;
            let content = memory_section(content, mib)?;
            changed.push(id);
            write_u32(u32::try_from(content.len())?, &mut changed);
            changed.extend(content);
        } else {
            changed.extend(rest.get(..rest.len() - following.len()).unwrap_or_default());
        }
        rest = following;
    }
    ensure!(is_found, "the module defines no memory");
    Ok(changed)
}

/// The content of a memory section with the limit: the number of memories, and the limits of each (section 5.3.7).
fn memory_section(content: &[u8], mib: u32) -> Result<Vec<u8>> {
    let (memories, rest) = read_u32(content)?;
    ensure!(memories == 1, "the module defines {memories} memories, not one");
    let (&flags, rest) = rest.split_first().context("a memory has no limits")?;
    let (minimum, rest) = read_u32(rest)?;
    let rest = match flags {
        0 => rest,
        1 => read_u32(rest)?.1,
        other => bail!("a memory of kind {other:#x} is neither unshared nor of 32 bits"),
    };
    ensure!(rest.is_empty(), "the memory section has bytes after its memory");
    let maximum = u32::try_from(u64::from(mib) * 1024 * 1024 / PAGE_BYTES)?;
    ensure!(
        minimum <= maximum,
        "the initial memory is {} KiB, more than {mib} MiB",
        u64::from(minimum) * PAGE_BYTES / 1024
    );
    let mut changed = vec![1, 1];
    write_u32(minimum, &mut changed);
    write_u32(maximum, &mut changed);
    Ok(changed)
}

/// An unsigned LEB128 number of at most 32 bits (section 5.2.2), and the bytes after it.
fn read_u32(bytes: &[u8]) -> Result<(u32, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).context("a number has more than 32 bits")?;
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    bail!("a number is cut short or has more than 32 bits")
}

fn write_u32(mut value: u32, bytes: &mut Vec<u8>) {
    // This ends, because the value becomes smaller.
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A custom section, this memory section, and a custom section of 200 bytes, whose size takes two.
    fn module(memory: &[u8]) -> Vec<u8> {
        let mut module = HEADER.to_vec();
        module.extend([0, 3, 1, b'a', 7]);
        module.extend([5, u8::try_from(memory.len()).unwrap()]);
        module.extend(memory);
        module.extend([0, 0xc8, 0x01, 1, b'b']);
        module.extend([9; 198]);
        module
    }

    #[track_caller]
    fn check(memory: &[u8], mib: u32, expected: &[u8]) {
        let changed = with_maximum(&module(memory), mib).unwrap();
        assert_eq!(changed, module(expected));
        assert_eq!(with_maximum(&changed, mib).unwrap(), changed, "a second change");
    }

    #[track_caller]
    fn fails(module: &[u8], expected: &str) {
        let error = with_maximum(module, 96).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn only_the_limit_changes() {
        // 17 pages; 96 MiB are 1,536 pages, 128 MiB are 2,048.
        check(&[1, 0, 17], 96, &[1, 1, 17, 0x80, 0x0c]);
        check(&[1, 1, 17, 0x80, 0x80, 0x04], 128, &[1, 1, 17, 0x80, 0x10]);
        check(&[1, 0, 0x80, 0x0c], 96, &[1, 1, 0x80, 0x0c, 0x80, 0x0c]);
        check(&[1, 0, 1], 1, &[1, 1, 1, 16]);
    }

    #[test]
    fn other_modules_are_errors() {
        fails(b"", "not a wasm module");
        fails(b"\0asm\x0d\0\x01\0", "not a wasm module");
        fails(HEADER, "defines no memory");
        fails(&module(&[2, 0, 1, 0, 1]), "2 memories");
        fails(&module(&[1, 3, 1, 2]), "kind 0x3");
        fails(&module(&[1, 0, 1, 0]), "has bytes after");
        fails(&module(&[1, 0, 0x81, 0x0c]), "initial memory is 98368 KiB, more than 96 MiB");
        fails(&module(&[1, 0]), "cut short");
        fails(&[HEADER, &[5, 9, 1]].concat(), "a section is cut short");
        fails(&[HEADER, &[5, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(), "more than 32 bits");
        fails(&[HEADER, &[5, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(), "more than 32 bits");
    }
}
