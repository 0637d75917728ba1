// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Chooses the value of a register that several hosts take.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::id::{Class, RegId};
use crate::names::{self, Order};
use crate::plan::host::View;
use crate::takes::{nibble, DigitSet, Takes, DIGITS};
use crate::value::Value;

/// The best value that all hosts take, or one that they may take if some do not say.
pub(super) fn value(id: RegId, views: &[View<'_>]) -> Option<Value> {
    let first = views.first()?.new;
    if views.iter().all(|view| view.new == first) && accepted(first, views) {
        return Some(first.clone());
    }
    let news: Option<Vec<u64>> = views.iter().map(|view| view.new.as_u64()).collect();
    // Wider registers have no order.
    let news = news?;
    let takes = || views.iter().map(|view| view.takes);
    let listed = takes().any(|takes| matches!(takes, Some(Takes::Values(_))));
    let whole = match id.class() {
        _ if listed => from_lists(&news, views),
        Class::Demux => one_of(&news, views),
        _ if has_uneven_fields(id) => one_of(&news, views),
        _ => by_digits(id, &news, views),
    };
    whole.map(Value::from)
}

fn accepted(value: &Value, views: &[View<'_>]) -> bool {
    views.iter().all(|view| {
        view.takes.is_none_or(|takes| takes.accepts_value(value, view.new).is_accepted())
    })
}

// The value of one host that all take. Values of different hosts cannot be mixed.
fn one_of(news: &[u64], views: &[View<'_>]) -> Option<u64> {
    news.iter().copied().find(|&new| accepted(&new.into(), views)).or_else(|| {
        // Nobody says: the first host's.
        let unsure = |view: &View<'_>| matches!(view.takes, Some(Takes::Unknown) | None);
        views.iter().all(unsure).then(|| news[0])
    })
}

// Lists of values: versions and levels, of which a higher one has what a lower one has.
fn from_lists(news: &[u64], views: &[View<'_>]) -> Option<u64> {
    let mut candidates: BTreeSet<u64> = news.iter().copied().collect();
    for view in views {
        if let Some(Takes::Values(values)) = view.takes {
            candidates.extend(values.values.iter().map(|value| value.0));
        }
    }
    let good = |value: &&u64| accepted(&(**value).into(), views);
    let lowest = *news.iter().min()?;
    let below = candidates.range(..=lowest).rev().find(good);
    below.or_else(|| candidates.iter().find(good)).copied()
}

// Fields without an order that are not one digit each.
fn has_uneven_fields(id: RegId) -> bool {
    names::fields(id)
        .iter()
        .any(|field| field.order == Order::Exact && (field.width != 4 || field.lsb % 4 != 0))
}

fn by_digits(id: RegId, news: &[u64], views: &[View<'_>]) -> Option<u64> {
    let mut value = 0;
    for n in 0..DIGITS {
        let common = views.iter().fold(DigitSet::ALL, |set, view| match view.takes {
            Some(Takes::Digits(digits)) => DigitSet(set.0 & digits.digit(n).0),
            _ => set,
        });
        let digits: Vec<u8> = news.iter().map(|&new| nibble(new, n)).collect();
        value |= u64::from(digit(id, n, common, &digits)?) << (4 * n);
    }
    Some(value)
}

/// The best digit of `common`, where new VMs have `news`.
fn digit(id: RegId, n: usize, common: DigitSet, news: &[u8]) -> Option<u8> {
    let bit = u8::try_from(4 * n).ok()?;
    let fields = || names::fields(id).iter().filter(|field| field.mask() & 15 << bit != 0);
    let exact = fields().any(|field| field.order == Order::Exact);
    let signed = fields().any(|field| field.order == Order::Signed);
    // Flags, each of which all hosts must have.
    let flags = id.class() == Class::FirmwareBitmap || fields().any(|field| field.width == 1);
    let sign = if signed { 8 } else { 0 };
    if exact {
        return news.iter().copied().find(|&new| common.has(new));
    }
    if flags {
        let all = news.iter().fold(15, |all, new| all & new);
        return common.values().rev().find(|value| value & !all == 0);
    }
    let lowest = news.iter().map(|new| new ^ sign).min()?;
    let mut ordered: Vec<u8> = common.values().map(|value| value ^ sign).collect();
    ordered.sort_unstable();
    let below = ordered.iter().rev().find(|&&value| value <= lowest);
    below.or_else(|| ordered.first()).map(|value| value ^ sign)
}
