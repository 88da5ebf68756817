//! The VAES kernels as the compiler made them, searched for any way from data to a branch or an address.
//!
//! The argument: keys and data are only ever in vector registers and in memory that is reached through the
//! function's pointers. So if
//! 1. no instruction moves a vector register into a general one or into flags,
//! 2. no general register is loaded from memory other than the stack (where the compiler keeps pointers
//!    and counters) or constants,
//! 3. no address is made from a vector register, and
//! 4. nothing else is called,
//!
//! then general registers and flags hold pointers, lengths and counters, and all branches and addresses
//! are made from those.

use keyward_pkcs11::crypto::keywrap::{Item, Key};
use std::process::Command;

/// Instructions that move something out of a vector or mask register, or make an address of one.
const OUT_OF_VECTORS: [&str; 14] = [
    "pextr",
    "extractps",
    "movmsk",
    "pmovmskb",
    "ptest",
    "testps",
    "testpd",
    "kortest",
    "ktest",
    "comis",
    "gather",
    "scatter",
    "pcmpestr",
    "pcmpistr",
];

#[test]
fn vaes_kernels_have_no_way_from_data_to_branches() {
    if !crate::available("objdump") || !crate::available("nm") {
        return;
    }
    link_kernels();
    let kernels = functions(|name| {
        name.contains("keywrap::vaes::bits")
            && (name.ends_with("::wrap") || name.ends_with("::unwrap"))
    });
    // Two widths, two directions, three lengths of key.
    assert_eq!(kernels.len(), 12, "{kernels:?}");
    for kernel in kernels {
        let instructions = disassemble(&kernel);
        assert!(
            instructions.iter().any(|line| line.starts_with("vaes")),
            "{kernel:?} is no kernel"
        );
        for line in &instructions {
            assert_eq!(objection(line), None, "{}: {line}", kernel.name);
        }
    }
}

#[test]
fn planted_leaks_are_found() {
    if !crate::available("objdump") || !crate::available("nm") {
        return;
    }
    // Keeps the functions in the program.
    assert_eq!(
        crate::leaks::branches(&[1]) + crate::leaks::looks_up(&[1]),
        10
    );
    assert_eq!(crate::leaks::compares_early(&[0xa6, 0]), 1);
    let leaks = functions(|name| name.contains("constant_time::leaks::"));
    assert_eq!(leaks.len(), 3, "{leaks:?}");
    for leak in leaks {
        let found = disassemble(&leak)
            .iter()
            .any(|line| objection(line).is_some());
        assert!(found, "{} was not found", leak.name);
    }
    for line in [
        "vmovq  rax,xmm3",
        "vmovd  ecx,xmm0",
        "vptest ymm0,ymm0",
        "mov    rax,QWORD PTR [rdi+0x8]",
        "vpgatherqq zmm0{k1},QWORD PTR [rax+zmm1*1]",
        "kmovw  eax,k1",
        "call   1234 <other>",
    ] {
        assert!(objection(line).is_some(), "{line}");
    }
    for line in [
        "vmovdqa64 zmm7,ZMMWORD PTR [r13+0x0]",
        "vmovq  xmm3,rax",
        "mov    rax,QWORD PTR [rsp+0x38]",
        "lea    r10,[rax+rdi*1]",
        "cmp    rdi,r10",
        "jne    1d8abc <kernel+0x4ec>",
        "vmovdqa64 ZMMWORD PTR [r13+0x0],zmm8",
    ] {
        assert_eq!(objection(line), None, "{line}");
    }
}

/// Keeps the kernels in the program.
fn link_kernels() {
    let key = Key::new(&[1; 16]).unwrap();
    let (plain, mut wrapped, mut back) = ([7; 16], [[0; 24]; 3], [[0; 16]; 3]);
    let mut items: Vec<Item> = wrapped
        .iter_mut()
        .map(|out| Item { input: &plain, out })
        .collect();
    key.wrap_batch(&mut items).unwrap();
    let mut items: Vec<Item> = wrapped
        .iter()
        .zip(&mut back)
        .map(|(input, out)| Item { input, out })
        .collect();
    let verdicts = key.unwrap_batch(&mut items).unwrap();
    assert!(verdicts.iter().all(|verdict| verdict.accept() == Ok(16)));
    assert_eq!(back, [plain; 3]);
}

/// What speaks against an instruction, if anything does.
fn objection(line: &str) -> Option<&'static str> {
    let (mnemonic, operands) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let operands = operands.trim();
    let target = operands.split(',').next().unwrap_or_default();
    if OUT_OF_VECTORS.iter().any(|bad| mnemonic.contains(bad)) {
        return Some("moves data out of a vector register");
    }
    let from_vector = mnemonic.starts_with("vmov") || mnemonic.starts_with("mov");
    if from_vector && is_general(target) && operands.contains("mm") {
        return Some("moves a vector register into a general one");
    }
    if mnemonic.starts_with("kmov") && is_general(target) {
        return Some("moves a mask into a general register");
    }
    if mnemonic == "call" && !operands.contains("memset") && !operands.contains("memcpy") {
        return Some("calls something else");
    }
    let memory = operands
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let (address, _) = memory?;
    if address.contains("mm") {
        return Some("makes an address of a vector register");
    }
    let stays_in_vectors = mnemonic.starts_with('v') || mnemonic.starts_with("prefetch");
    let no_load = ["lea", "nop", "data16", "cs"].contains(&mnemonic);
    let own = ["rsp", "rbp", "rip"]
        .iter()
        .any(|base| address.contains(base));
    if stays_in_vectors || no_load || own {
        return None;
    }
    Some("loads data into a general register")
}

/// Whether an operand is a general register.
fn is_general(operand: &str) -> bool {
    let name = operand.trim();
    name.starts_with(['r', 'e']) && !name.contains('[') && !name.contains("mm")
}

/// A function of this program.
#[derive(Debug)]
struct Function {
    name: String,
    start: u64,
    length: u64,
}

/// The functions whose names are wanted.
fn functions(wanted: impl Fn(&str) -> bool) -> Vec<Function> {
    let program = std::env::current_exe().unwrap();
    let run = Command::new("nm")
        .args(["-C", "--print-size"])
        .arg(program)
        .output()
        .unwrap();
    assert!(run.status.success());
    let text = String::from_utf8_lossy(&run.stdout);
    let function = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let start = u64::from_str_radix(words.next()?, 16).ok()?;
        let length = u64::from_str_radix(words.next()?, 16).ok()?;
        let name = words.nth(1)?.to_owned();
        wanted(&name).then_some(Function {
            name,
            start,
            length,
        })
    };
    text.lines().filter_map(function).collect()
}

/// A function's instructions in Intel's notation.
fn disassemble(function: &Function) -> Vec<String> {
    let run = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn", "-M", "intel"])
        .arg(format!("--start-address={:#x}", function.start))
        .arg(format!(
            "--stop-address={:#x}",
            function.start + function.length
        ))
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    assert!(run.status.success());
    let text = String::from_utf8_lossy(&run.stdout);
    let instruction = |line: &str| {
        line.split_once(":\t")
            .map(|(_, text)| text.trim().to_owned())
    };
    text.lines().filter_map(instruction).collect()
}
