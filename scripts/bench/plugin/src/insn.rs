// SPDX-License-Identifier: GPL-2.0

//! Classifies the A64 instructions that are counted separately.

/// Instructions of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub instructions: u64,
    /// DMB, DSB, ISB, SB.
    pub barriers: u64,
    /// Load-acquire and store-release.
    pub ordered: u64,
    /// Exclusives and atomics.
    pub atomics: u64,
    pub calls: u64,
    pub loads: u64,
    pub stores: u64,
    /// Calls of Rust's helpers for functions that are inline in C.
    pub helpers: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        for (to, from) in self.fields_mut().into_iter().zip(other.fields()) {
            *to += from;
        }
    }

    /// Returns the counts in the order of the output.
    pub fn fields(&self) -> [u64; 8] {
        [
            self.instructions,
            self.barriers,
            self.ordered,
            self.atomics,
            self.calls,
            self.loads,
            self.stores,
            self.helpers,
        ]
    }

    fn fields_mut(&mut self) -> [&mut u64; 8] {
        [
            &mut self.instructions,
            &mut self.barriers,
            &mut self.ordered,
            &mut self.atomics,
            &mut self.calls,
            &mut self.loads,
            &mut self.stores,
            &mut self.helpers,
        ]
    }

    /// Counts one instruction.
    pub fn count(&mut self, word: u32) {
        self.instructions += 1;
        match kind(word) {
            Kind::Barrier => self.barriers += 1,
            Kind::Ordered => self.ordered += 1,
            Kind::Atomic => self.atomics += 1,
            Kind::Call => self.calls += 1,
            Kind::Load => self.loads += 1,
            Kind::Store => self.stores += 1,
            Kind::Other => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Barrier,
    Ordered,
    Atomic,
    Call,
    Load,
    Store,
    Other,
}

fn bit(word: u32, number: u32) -> bool {
    word >> number & 1 == 1
}

fn kind(word: u32) -> Kind {
    // CRn 3: barriers, except CLREX (op2 2) and WFET (op2 0).
    if word & 0xffff_f01f == 0xd503_301f && !matches!(word >> 5 & 7, 0 | 2) {
        return Kind::Barrier;
    }
    // BL; BLR and its authenticated forms.
    if word & 0xfc00_0000 == 0x9400_0000
        || word & 0xffff_fc1f == 0xd63f_0000
        || word & 0xfeff_f800 == 0xd63f_0800
    {
        return Kind::Call;
    }
    if word & 0x0a00_0000 == 0x0800_0000 {
        return memory(word);
    }
    Kind::Other
}

/// The group "Loads and Stores".
fn memory(word: u32) -> Kind {
    let load = |load| if load { Kind::Load } else { Kind::Store };
    match word >> 24 & 0x3f {
        // LDAR, STLR and their variants have o2 set and o1 clear; CAS has both set.
        0b001000 if bit(word, 23) && !bit(word, 21) => Kind::Ordered,
        0b001000 => Kind::Atomic,
        // LDAPUR, STLUR. With bit 21 set: memory tag instructions, which the kernel does not use.
        0b011001 if !bit(word, 21) => Kind::Ordered,
        0b011000 | 0b011100 => Kind::Load,
        // Pairs and SIMD structures.
        0b101000 | 0b101001 | 0b101100 | 0b101101 | 0b001100 | 0b001101 => load(bit(word, 22)),
        0b111000 if word & 0x0020_0c00 == 0x0020_0000 => {
            // LDAPR is encoded among the atomics.
            if word & 0x3fff_fc00 == 0x38bf_c000 {
                Kind::Ordered
            } else {
                Kind::Atomic
            }
        }
        0b111000 | 0b111001 => match (word >> 30, word >> 22 & 3) {
            (_, 0) => Kind::Store,
            // PRFM
            (3, 2) => Kind::Other,
            _ => Kind::Load,
        },
        0b111100 | 0b111101 => load(bit(word, 22)),
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        // Encodings by llvm-mc.
        for (word, text, expected) in [
            (0xd503_3bbf, "dmb ish", Kind::Barrier),
            (0xd503_3f9f, "dsb sy", Kind::Barrier),
            (0xd503_3fdf, "isb", Kind::Barrier),
            (0xd503_30ff, "sb", Kind::Barrier),
            (0xd503_3f5f, "clrex", Kind::Other),
            (0xd503_201f, "nop", Kind::Other),
            (0xd503_233f, "paciasp", Kind::Other),
            (0x9400_0001, "bl .+4", Kind::Call),
            (0xd63f_0100, "blr x8", Kind::Call),
            (0xd73f_0909, "blraa x8, x9", Kind::Call),
            (0xd65f_03c0, "ret", Kind::Other),
            (0x1400_0001, "b .+4", Kind::Other),
            (0x885f_7c41, "ldxr w1, [x2]", Kind::Atomic),
            (0xc85f_fc41, "ldaxr x1, [x2]", Kind::Atomic),
            (0x8803_7c41, "stxr w3, w1, [x2]", Kind::Atomic),
            (0xc8e1_fc43, "casal x1, x3, [x2]", Kind::Atomic),
            (0xb821_0040, "ldadd w1, w0, [x2]", Kind::Atomic),
            (0xb8a1_8040, "swpa w1, w0, [x2]", Kind::Atomic),
            (0xf821_305f, "stset x1, [x2]", Kind::Atomic),
            (0x88df_fc41, "ldar w1, [x2]", Kind::Ordered),
            (0xc89f_fc41, "stlr x1, [x2]", Kind::Ordered),
            (0xb8bf_c041, "ldapr w1, [x2]", Kind::Ordered),
            (0xf940_0041, "ldr x1, [x2]", Kind::Load),
            (0x3940_0041, "ldrb w1, [x2]", Kind::Load),
            (0xb980_0041, "ldrsw x1, [x2]", Kind::Load),
            (0xb863_6841, "ldr w1, [x2, x3]", Kind::Load),
            (0xa940_0841, "ldp x1, x2, [x2]", Kind::Load),
            (0x5800_0001, "ldr x1, .", Kind::Load),
            (0xf900_0041, "str x1, [x2]", Kind::Store),
            (0xa9be_7bfd, "stp x29, x30, [sp, #-32]!", Kind::Store),
            (0x3d80_0040, "str q0, [x2]", Kind::Store),
            (0x3dc0_0040, "ldr q0, [x2]", Kind::Load),
            (0xf980_0040, "prfm pldl1keep, [x2]", Kind::Other),
            (0x8b01_0041, "add x1, x2, x1", Kind::Other),
        ] {
            assert_eq!(kind(word), expected, "{text}");
        }
    }
}
