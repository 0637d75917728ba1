// SPDX-License-Identifier: GPL-2.0

//! Counts the instructions of the kernel's handlers, call by call.
//!
//! `-plugin libhandlers.so,map=<System.map>,out=<file>,handlers=<name>[+<name>]:...`
//!
//! Several names of a handler are its entry points, one for each implementation. The
//! first one names it in the output.
//!
//! A call begins when its handler is entered and ends when the handler returns; the
//! functions that it calls belong to it. A call that an exception or another thread
//! interrupts is dropped: the remaining ones are a few sequences that repeat. Beside
//! instructions, the lines of the instruction cache are counted that they are in, each
//! once. Calls count only while a program at EL0 measures. It marks the begin of a measurement by
//! `movz xzr, #0x4b56; movz xzr, #<number>`, and the end by the number 0xffff.
//!
//! With icount and one CPU all of this runs in one thread.

mod insn;
mod map;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};

use insn::Counts;
use map::Map;
use qemu_plugin::{
    qemu_plugin_get_registers, qemu_plugin_register_atexit_cb, register, sys, Args, CallbackFlags,
    Error, HasCallbacks, Info, PluginCondition, PluginId, PluginU64, Register, RegisterDescriptor,
    Result, TranslationBlock, VCPUIndex, Value,
};

const MOVZ_XZR: u32 = 0xd280_001f;
const MAGIC: u32 = 0x4b56;
const OVER: u32 = 0xffff;
const KERNEL: u64 = 1 << 63;
const VECTORS_SIZE: u64 = 0x800;
/// The size of a line of the instruction cache, on all CPUs that run KVM's guests today.
const LINE: u64 = 64;

/// Returns the immediate of `movz xzr, #<imm16>`, a NOP that no compiler emits.
fn marker(word: u32) -> Option<u32> {
    (word & 0xffe0_001f == MOVZ_XZR).then_some(word >> 5 & 0xffff)
}

/// A call of a handler that has not returned yet.
struct Call {
    handler: usize,
    returns_to: u64,
    sp: u64,
    /// Whether it reached an entry point of the Rust code.
    rust: bool,
    counts: Counts,
    lines: BTreeSet<u64>,
    functions: BTreeMap<usize, u64>,
}

/// Calls with the same counts, which have most likely executed the same instructions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    path: u32,
    handler: usize,
    rust: bool,
    counts: [u64; 8],
    /// The number of lines of code that it touched.
    lines: usize,
    functions: Vec<(usize, u64)>,
}

#[derive(Default)]
struct State {
    /// The current measurement, if any.
    path: Option<u32>,
    /// Whether the first half of the marker has been executed.
    magic: bool,
    calls: Vec<Call>,
    seen: BTreeMap<Kind, u64>,
    interrupted: BTreeMap<(u32, usize), u64>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);
static REGISTERS: OnceLock<Registers> = OnceLock::new();

struct Registers {
    lr: RegisterDescriptor<'static>,
    sp: RegisterDescriptor<'static>,
}

fn value(register: &RegisterDescriptor<'_>) -> u64 {
    let bytes = register.read().expect("QEMU cannot read a register");
    u64::from_le_bytes(bytes[..8].try_into().expect("a register has 8 bytes"))
}

/// What is known about a block when it is translated.
struct Block {
    address: u64,
    /// The handler that begins here.
    handler: Option<usize>,
    /// Whether it is an entry point of the Rust code.
    rust: bool,
    /// Whether it belongs to the exception vectors or to the switch to another thread.
    elsewhere: bool,
    counts: Counts,
    /// The lines that it touches, by their number.
    lines: BTreeSet<u64>,
    functions: Vec<(usize, u64)>,
}

impl State {
    fn marked(&mut self, value: u32) {
        if self.magic {
            self.path = (value != OVER).then_some(value);
            self.magic = false;
        } else {
            self.magic = value == MAGIC;
        }
    }

    fn finish(&mut self, call: Call) {
        let Some(path) = self.path else { return };
        let kind = Kind {
            path,
            handler: call.handler,
            rust: call.rust,
            counts: call.counts.fields(),
            lines: call.lines.len(),
            functions: call.functions.into_iter().collect(),
        };
        *self.seen.entry(kind).or_default() += 1;
    }

    /// Called when the execution of a block begins.
    fn executed(&mut self, block: &Block) {
        if block.elsewhere {
            for call in std::mem::take(&mut self.calls) {
                if let Some(path) = self.path {
                    *self.interrupted.entry((path, call.handler)).or_default() += 1;
                }
            }
            return;
        }
        if self
            .calls
            .iter()
            .any(|call| call.returns_to == block.address)
        {
            let registers = REGISTERS.get().expect("no registers");
            let sp = value(&registers.sp);
            let ended = |call: &Call| call.returns_to == block.address && call.sp == sp;
            // A tail call returns to where its caller does.
            while let Some(index) = self.calls.iter().rposition(ended) {
                let call = self.calls.remove(index);
                self.finish(call);
            }
        }
        if let (Some(handler), Some(_)) = (block.handler, self.path) {
            self.entered(handler);
        }
        for call in &mut self.calls {
            call.rust |= block.rust;
            call.counts.add(&block.counts);
            call.lines.extend(&block.lines);
            for (function, number) in &block.functions {
                *call.functions.entry(*function).or_default() += number;
            }
        }
    }

    /// Called when a handler begins. If it calls itself, or its other implementation, that is
    /// part of the same call.
    fn entered(&mut self, handler: usize) {
        if self.calls.iter().all(|call| call.handler != handler) {
            let registers = REGISTERS.get().expect("no registers");
            self.calls.push(Call {
                handler,
                returns_to: value(&registers.lr),
                sp: value(&registers.sp),
                rust: false,
                counts: Counts::default(),
                lines: BTreeSet::new(),
                functions: BTreeMap::new(),
            });
        }
    }
}

struct Handlers {
    map: Map,
    /// Names and entry points.
    handlers: Vec<(String, Vec<u64>)>,
    vectors: u64,
    switch: u64,
    /// Not zero while a handler runs; otherwise most blocks need no callback.
    active: PluginU64,
}

/// The plugin itself, set once its arguments have been read.
static PLUGIN: OnceLock<Handlers> = OnceLock::new();

// SAFETY: The only field that is not `Send` is a handle to an object that QEMU owns.
unsafe impl Send for Handlers {}
// SAFETY: As above.
unsafe impl Sync for Handlers {}

fn set_active(vcpu: VCPUIndex, state: &State) {
    let plugin = PLUGIN.get().expect("plugin not installed");
    qemu_plugin::qemu_plugin_u64_set(plugin.active, vcpu, state.calls.len() as u64);
}

fn with_state<R>(f: impl FnOnce(&mut State) -> R) -> R {
    let mut state = STATE.lock().expect("an earlier callback failed");
    f(state.get_or_insert_with(State::default))
}

impl Handlers {
    fn new(args: &Args) -> std::result::Result<(Handlers, String), String> {
        let text = |key: &str| match args.parsed.get(key) {
            Some(Value::String(value)) => Ok(value.clone()),
            _ => Err(format!("{key}= is missing")),
        };
        let path = text("map")?;
        let map = std::fs::read_to_string(&path).map_err(|why| format!("{path}: {why}"))?;
        let map = Map::parse(&map).ok_or(format!("{path} is not a System.map"))?;
        let address = |name: &str| map.address(name).ok_or(format!("{path} lacks {name}"));
        let handlers = text("handlers")?
            .split(':')
            .map(|names| {
                let entries = names
                    .split('+')
                    .map(address)
                    .collect::<std::result::Result<_, _>>()?;
                let name = names.split('+').next().unwrap_or_default();
                Ok((name.to_string(), entries))
            })
            .collect::<std::result::Result<Vec<_>, String>>()?;
        let (vectors, switch) = (address("vectors")?, address("cpu_switch_to")?);
        // SAFETY: QEMU allows this call while it installs a plugin, as it does now.
        let score = unsafe { sys::qemu_plugin_scoreboard_new(std::mem::size_of::<u64>()) };
        let active = PluginU64 { score, offset: 0 };
        Ok((
            Handlers {
                map,
                handlers,
                vectors,
                switch,
                active,
            },
            text("out")?,
        ))
    }

    fn block(&self, address: u64, words: impl Iterator<Item = (u64, u32)>) -> Block {
        let mut block = Block {
            address,
            handler: self
                .handlers
                .iter()
                .position(|(_, at)| at.contains(&address)),
            rust: self.map.begins(address, "kvm_arm_rust_"),
            elsewhere: address == self.switch
                || (self.vectors..self.vectors + VECTORS_SIZE).contains(&address),
            counts: Counts::default(),
            lines: BTreeSet::new(),
            functions: Vec::new(),
        };
        block.counts.helpers = self.map.begins(address, "rust_helper_").into();
        for (at, word) in words {
            block.counts.count(word);
            block.lines.insert(at / LINE);
            let function = self.map.function(at);
            match block.functions.last_mut() {
                Some((last, number)) if *last == function => *number += 1,
                _ => block.functions.push((function, 1)),
            }
        }
        block
    }

    fn write(&self, out: &str) {
        let mut text = String::new();
        with_state(|state| {
            for (kind, calls) in &state.seen {
                let side = if kind.rust { "rust" } else { "c" };
                let handler = &self.handlers[kind.handler].0;
                let _ = write!(text, "call {} {handler} {side} {calls}", kind.path);
                for number in kind.counts {
                    let _ = write!(text, " {number}");
                }
                let _ = write!(text, " {}", kind.lines);
                for (function, number) in &kind.functions {
                    let _ = write!(text, " {}={number}", self.map.name(*function));
                }
                text.push('\n');
            }
            for ((path, handler), calls) in &state.interrupted {
                let handler = &self.handlers[*handler].0;
                let _ = writeln!(text, "interrupted {path} {handler} {calls}");
            }
        });
        // The last line shows a reader that the file is complete.
        text.push_str("end\n");
        if let Err(why) = std::fs::write(out, text) {
            eprintln!("handlers: {out}: {why}");
        }
    }
}

struct Plugin;

impl Register for Plugin {
    fn register(&mut self, id: PluginId, args: &Args, _info: &Info) -> Result<()> {
        let (handlers, out) = match Handlers::new(args) {
            Ok(found) => found,
            Err(why) => {
                eprintln!("handlers: {why}");
                return Err(Error::PluginInstanceSetError);
            }
        };
        assert!(PLUGIN.set(handlers).is_ok(), "installed twice");
        qemu_plugin_register_atexit_cb(id, move |_| {
            PLUGIN.get().expect("plugin not installed").write(&out);
        })
    }
}

impl HasCallbacks for Plugin {
    fn on_vcpu_init(&mut self, _id: PluginId, _vcpu: VCPUIndex) -> Result<()> {
        let mut registers = qemu_plugin_get_registers()?;
        let mut take = |name: &str| {
            let index = registers.iter().position(|r| r.name == name);
            registers.swap_remove(index.expect("the CPU lacks a register"))
        };
        let found = Registers {
            lr: take("x30"),
            sp: take("sp"),
        };
        assert!(REGISTERS.set(found).is_ok(), "more than one CPU");
        Ok(())
    }

    fn on_translation_block_translate(
        &mut self,
        _id: PluginId,
        tb: TranslationBlock<'_>,
    ) -> Result<()> {
        let plugin = PLUGIN.get().expect("plugin not installed");
        let address = tb.vaddr();
        if plugin.map.text.contains(&address) {
            let words: Vec<_> = tb.instructions().map(|i| (i.vaddr(), word(&i))).collect();
            let block = plugin.block(address, words.into_iter());
            let (entry, flags) = (block.handler, CallbackFlags::QEMU_PLUGIN_CB_R_REGS);
            let run = move |vcpu| {
                with_state(|state| {
                    state.executed(&block);
                    set_active(vcpu, state);
                });
            };
            if entry.is_some() {
                tb.register_execute_callback_flags(run, flags);
            } else {
                tb.register_conditional_execute_callback_flags(
                    run,
                    flags,
                    PluginCondition::QEMU_PLUGIN_COND_NE,
                    plugin.active,
                    0,
                );
            }
        } else if address & KERNEL == 0 {
            for insn in tb.instructions() {
                if let Some(number) = marker(word(&insn)) {
                    insn.register_execute_callback(move |_| with_state(|s| s.marked(number)));
                }
            }
        }
        Ok(())
    }
}

fn word(insn: &qemu_plugin::Instruction<'_>) -> u32 {
    let mut bytes = [0; 4];
    insn.read_data(&mut bytes);
    u32::from_le_bytes(bytes)
}

register!(Plugin);
