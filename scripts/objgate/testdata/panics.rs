// SPDX-License-Identifier: GPL-2.0

//! One function for each way in which `core` panics: each of them must be reported.

#![no_std]

#[inline(never)]
pub fn option_unwrap(value: Option<u32>) -> u32 {
    value.unwrap()
}

#[inline(never)]
pub fn option_expect(value: Option<u32>) -> u32 {
    value.expect("there is one")
}

#[inline(never)]
pub fn result_unwrap(value: Result<u32, u8>) -> u32 {
    value.unwrap()
}

#[inline(never)]
pub fn array_index(array: &[u8], index: usize) -> u8 {
    array[index]
}

#[inline(never)]
pub fn slice_range(slice: &[u8], from: usize) -> &[u8] {
    &slice[from..]
}

#[inline(never)]
pub fn str_range(text: &str, from: usize) -> &str {
    &text[from..]
}

#[inline(never)]
pub fn copy_of_other_length(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from)
}

#[inline(never)]
pub fn split_at(slice: &[u8], at: usize) -> (&[u8], &[u8]) {
    slice.split_at(at)
}

#[inline(never)]
pub fn division(a: u32, b: u32) -> u32 {
    a / b
}

#[inline(never)]
pub fn overflow(a: u32, b: u32) -> u32 {
    a + b
}

#[inline(never)]
pub fn step_by_zero(step: usize) -> usize {
    (0..10).step_by(step).count()
}

#[inline(never)]
pub fn borrow(cell: &core::cell::RefCell<u32>) -> u32 {
    *cell.borrow()
}

#[inline(never)]
pub fn borrow_mut(cell: &core::cell::RefCell<u32>) -> u32 {
    core::mem::take(&mut *cell.borrow_mut())
}

#[inline(never)]
pub fn chunks_of_zero(slice: &[u8], size: usize) -> usize {
    slice.chunks(size).len()
}

#[inline(never)]
pub fn assertion(a: u32, b: u32) {
    assert_eq!(a, b);
}

#[inline(never)]
pub fn message(a: u32) {
    panic!("{a}");
}

#[inline(never)]
pub fn not_reached() {
    unreachable!()
}
