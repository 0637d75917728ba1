// SPDX-License-Identifier: GPL-2.0

//! Calls that depend on other vCPUs, judged by what the code that served them has seen.
//!
//! Other vCPUs change at any time: they are turned on and off, userspace creates more of them, and
//! changes their affinities. To look at the vCPUs before or after the call is therefore not enough
//! to judge it. Instead, the code that serves the call reports what it sees, and the decision
//! follows from these reports alone.

use super::{
    ret,
    AffinityQuery,
    PowerOn, //
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    On(PowerOn),
    Affinity(AffinityQuery),
}

/// The reports about other vCPUs during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    call: Call,
    answer: Option<u64>,
    /// The affinity of a vCPU that the call depends on, if its power state was not reported yet.
    open: Option<u64>,
    /// The least number of vCPUs that were not looked at yet.
    rest: u32,
    /// The affinity to report as [`Verdict::LooksAt`].
    otherwise: Option<u64>,
}

/// What follows from the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: there was no report.
    Unknown,
    /// The call returns this.
    Returns(u64),
    /// The code that served the call did not look at the vCPUs that the call depends on. It left
    /// out a vCPU of this affinity, or this is the affinity in the call.
    LooksAt(u64),
}

impl Seen {
    /// Begins a call of `CPU_ON`.
    #[inline]
    pub const fn power_on(request: PowerOn) -> Self {
        Self::nothing(Call::On(request), 0)
    }

    /// Begins a call of `AFFINITY_INFO` in a VM with at least this many `vcpus`.
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

    /// Reports the search for a vCPU of this affinity, to turn it on, and whether one was found.
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

    /// Reports the next vCPU in the walk over all vCPUs, by its affinity.
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

    /// Reports whether the vCPU in the report before this one is off.
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
                // One vCPU that is on decides the result: no need to look at the others.
                self.rest = 0;
                ret::AFFINITY_ON
            }
        });
    }

    /// Returns what follows from the reports.
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

    /// Returns the affinity in the call.
    #[inline]
    pub const fn asked_for(&self) -> u64 {
        match self.call {
            Call::On(request) => request.target,
            Call::Affinity(query) => query.target(),
        }
    }
}
