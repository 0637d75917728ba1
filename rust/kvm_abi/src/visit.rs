// SPDX-License-Identifier: GPL-2.0

//! What to do with a register or function that was decoded.

/// Handles what a decoder has found.
///
/// A decoder calls this with a constant in each arm of one `match`, so that the compiler merges
/// decoding and handling into one switch. A trait and not a closure, because closures cannot be
/// `#[inline(always)]`.
pub(crate) trait Visit<T> {
    /// The result.
    type Output;

    /// Handles what was found.
    fn visit(self, found: T) -> Self::Output;
}

/// Returns what was found.
pub(crate) struct Found;

impl<T> Visit<T> for Found {
    type Output = T;

    #[inline(always)]
    fn visit(self, found: T) -> T {
        found
    }
}
