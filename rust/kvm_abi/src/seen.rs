// SPDX-License-Identifier: GPL-2.0

//! Calls that depend on other vCPUs, decided by what somebody else has seen of them.
//!
//! Other vCPUs change at any time: they are turned on and off, userspace creates more of them, and
//! gives them other affinities. Whoever judges how a call was carried out cannot look for himself,
//! before or after; the vCPUs may have been others in between. So the one who carries the call out
//! says what he sees, and the decision follows from that alone.

use crate::{
    psci_call::ret,
    AffinityQuery,
    PowerOn, //
};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    On(PowerOn),
    Affinity(AffinityQuery),
}

/// What was seen of other vCPUs while a call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    call: Call,
    answer: Option<u64>,
    /// The affinity of a vCPU that the call depends on, and whose power state is yet to be seen.
    open: Option<u64>,
    /// How many vCPUs there are, at least, that were not looked at.
    rest: u32,
    /// The affinity where somebody looked at something else than the call asks for.
    otherwise: Option<u64>,
}

/// What follows from what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: nobody has said what he saw.
    Unknown,
    /// The caller gets this.
    Returns(u64),
    /// The call asks for vCPUs of another affinity than those that were looked at. This one was
    /// left out, or is the one that is asked for.
    LooksAt(u64),
}

impl Seen {
    /// Returns what was seen before a call of `CPU_ON` is carried out.
    #[inline]
    pub const fn power_on(request: PowerOn) -> Self {
        Self::nothing(Call::On(request), 0)
    }

    /// Returns what was seen before a call of `AFFINITY_INFO` is carried out. The VM has so many
    /// `vcpus`, or more.
    #[inline]
    pub const fn affinity_info(query: AffinityQuery, vcpus: u32) -> Self {
        Self::nothing(Call::Affinity(query), vcpus)
    }

    const fn nothing(call: Call, rest: u32) -> Self {
        Self {
            call,
            answer: None,
            open: None,
            rest,
            otherwise: None,
        }
    }

    /// A vCPU of this affinity was looked for, to turn it on; and whether one was found.
    #[inline]
    pub fn target(&mut self, affinity: u64, found: bool) {
        match self.call {
            Call::On(request) if request.target == affinity => {
                if found {
                    self.open = Some(affinity);
                } else {
                    self.answer = Some(PowerOn::NO_SUCH_CPU);
                }
            }
            _ => self.differ(),
        }
    }

    /// One vCPU after the other is looked at: one of this affinity.
    #[inline]
    pub fn vcpu(&mut self, affinity: u64) {
        let Call::Affinity(query) = self.call else {
            return self.differ();
        };
        self.otherwise = self.otherwise.or(self.open);
        self.open = query.matches(affinity).then_some(affinity);
        self.rest = self.rest.saturating_sub(1);
        self.answer = self.answer.or(Some(ret::INVALID_PARAMETERS));
    }

    /// The vCPU that was found, or looked at last, is off; or on.
    #[inline]
    pub fn power(&mut self, stopped: bool) {
        if self.open.take().is_none() {
            return self.differ();
        }
        self.answer = Some(match self.call {
            Call::On(request) => match request.decide(stopped) {
                Ok(()) => ret::SUCCESS,
                Err(refused) => refused,
            },
            Call::Affinity(_) if stopped && self.answer != Some(ret::AFFINITY_ON) => {
                ret::AFFINITY_OFF
            }
            Call::Affinity(_) => {
                // One that is on is enough.
                self.rest = 0;
                ret::AFFINITY_ON
            }
        });
    }

    /// Returns what follows from what was seen.
    #[inline]
    pub fn verdict(&self) -> Verdict {
        if let Some(affinity) = self.otherwise.or(self.open) {
            return Verdict::LooksAt(affinity);
        }
        match self.answer {
            None => Verdict::Unknown,
            Some(_) if self.rest != 0 => Verdict::LooksAt(self.asked_for()),
            Some(answer) => Verdict::Returns(answer),
        }
    }

    #[inline]
    fn differ(&mut self) {
        self.otherwise = self.otherwise.or(Some(self.asked_for()));
    }

    /// Returns the affinity that the call asks for.
    #[inline]
    pub const fn asked_for(&self) -> u64 {
        match self.call {
            Call::On(request) => request.target,
            Call::Affinity(query) => query.target(),
        }
    }
}
