// SPDX-License-Identifier: GPL-2.0

//! How Rust gets to what C owns: to structures, to their fields, and to functions.
//!
//! An export turns the pointers that C passes into views, by [`from_c()`]. A view proves that its
//! structure is there. So the macros `fields!` and `calls!` need one proof each, and the lists that
//! are given to them say what Rust uses of C: each entry has a reason why its use is sound. A view
//! of which more is known is defined by `known!`.

use core::{
    cell::Cell,
    marker::PhantomData, //
};

use crate::{
    prelude::Zeroable,
    sync::atomic::{
        atomic_load,
        atomic_store,
        AtomicBasicOps,
        AtomicType,
        Relaxed, //
    }, //
};

/// A type whose references are views of a C structure.
///
/// # Safety
///
/// The type must be a transparent wrapper of `Opaque<Self::C>`. A reference to it must exist only
/// as long as the structure fulfils the type's invariants.
pub unsafe trait View: Sized {
    /// The structure.
    type C;

    /// Returns a pointer to the structure, valid as long as `self` is.
    #[inline]
    fn as_ptr(&self) -> *mut Self::C {
        // The wrapper is an `Opaque`, so that C may write to the structure at any time.
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

/// What an export makes of an argument that C passes.
pub trait FromC: Sized {
    /// The argument.
    type Raw;

    /// Converts the argument.
    ///
    /// # Safety
    ///
    /// A pointer must point to a valid structure that fulfils the invariants of this type as long
    /// as the result exists. If the result is a copy, nobody may write to the structure now.
    unsafe fn from_c(raw: Self::Raw) -> Self;
}

/// Converts the arguments of an export.
///
/// # Safety
///
/// Each of them must fulfil the requirements of [`FromC::from_c`].
#[inline(always)]
pub unsafe fn from_c<T: FromC>(raw: T::Raw) -> T {
    // SAFETY: The caller guarantees it.
    unsafe { T::from_c(raw) }
}

impl<'a, T: View> FromC for &'a T {
    type Raw = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(raw: *mut T::C) -> Self {
        // SAFETY: The caller guarantees that the structure is valid; a view wraps it transparently.
        unsafe { &*raw.cast() }
    }
}

/// A pointer that may be null.
impl<'a, T: View> FromC for Option<&'a T> {
    type Raw = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(raw: *mut T::C) -> Self {
        // SAFETY: As above, if the pointer is not null.
        unsafe { raw.cast::<T>().as_ref() }
    }
}

/// A variable of C that nobody else accesses.
impl<'a, T: Copy> FromC for &'a Cell<T> {
    type Raw = *mut T;

    #[inline(always)]
    unsafe fn from_c(raw: *mut T) -> Self {
        // SAFETY: The caller guarantees that the variable is valid and ours.
        unsafe { &*raw.cast() }
    }
}

/// A copy of a C structure in kernel memory.
pub struct Copied<T>(pub T);

impl<T: Copy> FromC for Copied<T> {
    type Raw = *const T;

    #[inline(always)]
    unsafe fn from_c(raw: *const T) -> Self {
        // SAFETY: The caller guarantees that the structure is valid, and that nobody writes to it.
        Self(unsafe { *raw })
    }
}

impl<A: FromC, B: FromC> FromC for (A, B) {
    type Raw = (A::Raw, B::Raw);

    #[inline(always)]
    unsafe fn from_c((a, b): Self::Raw) -> Self {
        // SAFETY: The caller guarantees it for both.
        unsafe { (A::from_c(a), B::from_c(b)) }
    }
}

/// A field of a view.
///
/// # Invariants
///
/// The pointer is valid and aligned for the lifetime `'a`.
pub struct Place<'a, T>(*mut T, PhantomData<&'a T>);

impl<T> Clone for Place<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Place<'_, T> {}

impl<'a, T> Place<'a, T> {
    /// Creates the field.
    ///
    /// # Safety
    ///
    /// The pointer must be valid and aligned as long as the view exists.
    #[inline(always)]
    pub(super) unsafe fn of(_: &'a impl View, ptr: *mut T) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(ptr, PhantomData)
    }

    /// Returns a pointer to the field.
    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *mut T {
        self.0
    }
}

impl<'a, T, const LEN: usize> Place<'a, [T; LEN]> {
    /// Returns the first elements of an array.
    #[inline(always)]
    fn first<const COUNT: usize>(self) -> Place<'a, [T; COUNT]> {
        const { assert!(COUNT <= LEN) };
        // INVARIANT: The array is at least as long, and has the same alignment.
        Place(self.0.cast(), PhantomData)
    }
}

/// What is known of the others that access a field.
pub(super) trait Kind<'a, T> {
    /// Creates the field.
    ///
    /// # Safety
    ///
    /// What the type says of others must be true for the lifetime `'a`.
    unsafe fn at(place: Place<'a, T>) -> Self;
}

/// Nothing is known: only the address is used.
impl<'a, T> Kind<'a, T> for Place<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, T>) -> Self {
        place
    }
}

/// A field that has a value, and that nobody writes.
pub(super) struct Fixed<'a, T>(Place<'a, T>);

impl<'a, T> Kind<'a, T> for Fixed<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, T>) -> Self {
        Self(place)
    }
}

impl<T: Copy> Fixed<'_, T> {
    /// Returns the value.
    #[inline(always)]
    pub(super) fn get(&self) -> T {
        // SAFETY: By the invariant of `Place` the pointer is valid; nobody writes the field.
        unsafe { *self.0.as_ptr() }
    }
}

/// A field that points to another structure, and that nobody writes.
pub(super) struct Linked<'a, T: View>(&'a T);

/// The structure must fulfil the invariants of its view for the lifetime `'a`.
impl<'a, T: View> Kind<'a, *mut T::C> for Linked<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, *mut T::C>) -> Self {
        // SAFETY: The caller guarantees that the field points to such a structure.
        Self(unsafe { from_c(Fixed(place).get()) })
    }
}

impl<'a, T: View> Linked<'a, T> {
    /// Returns the structure.
    #[inline(always)]
    pub(super) fn get(self) -> &'a T {
        self.0
    }
}

/// A field that has a value, and that others load and store as a whole.
pub(super) struct Shared<'a, T>(Place<'a, T>);

impl<'a, T> Kind<'a, T> for Shared<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, T>) -> Self {
        Self(place)
    }
}

impl<T: AtomicType> Shared<'_, T>
where
    T::Repr: AtomicBasicOps,
{
    /// Returns the value, as by `READ_ONCE()`.
    #[inline(always)]
    pub(super) fn load(&self) -> T {
        // SAFETY: By the invariant of `Place` the pointer is valid; no store of others tears.
        unsafe { atomic_load(self.0.as_ptr(), Relaxed) }
    }

    /// Stores a value, as by `WRITE_ONCE()`.
    #[inline(always)]
    pub(super) fn store(&self, value: T) {
        // SAFETY: As in `load()`; no load of others tears either.
        unsafe { atomic_store(self.0.as_ptr(), value, Relaxed) };
    }
}

/// A field that only this task of the kernel accesses. Userspace may, too.
pub(super) struct Output<'a, T>(Place<'a, T>);

impl<'a, T> Kind<'a, T> for Output<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, T>) -> Self {
        Self(place)
    }
}

impl<T: Copy> Output<'_, T> {
    /// Sets the value.
    #[inline(always)]
    pub(super) fn set(&self, value: T) {
        // SAFETY: By the invariant of `Place` the pointer is valid; the kernel has no other user.
        unsafe { self.0.as_ptr().write(value) };
    }
}

impl<'a, T, const LEN: usize> Output<'a, [T; LEN]> {
    /// Returns the first elements of an array.
    #[inline(always)]
    pub(super) fn first<const COUNT: usize>(self) -> Output<'a, [T; COUNT]> {
        Output(self.0.first())
    }
}

impl<T: Zeroable> Output<'_, T> {
    /// Clears the field, with the padding.
    #[inline(always)]
    pub(super) fn clear(&self) {
        // SAFETY: As in `set()`; zeros are a value of the type.
        unsafe { self.0.as_ptr().write_bytes(0, 1) };
    }
}

/// A field that has a value, and that only this task accesses.
pub(super) struct Own<'a, T>(Place<'a, T>);

impl<'a, T> Kind<'a, T> for Own<'a, T> {
    #[inline(always)]
    unsafe fn at(place: Place<'a, T>) -> Self {
        Self(place)
    }
}

impl<'a, T, const LEN: usize> Own<'a, [T; LEN]> {
    /// Returns the first elements of an array.
    #[inline(always)]
    pub(super) fn first<const COUNT: usize>(self) -> Own<'a, [T; COUNT]> {
        Own(self.0.first())
    }
}

impl<T: Copy> Own<'_, T> {
    /// Returns the value.
    #[inline(always)]
    pub(super) fn get(&self) -> T {
        // Nobody else writes the field.
        Fixed(self.0).get()
    }

    /// Sets the value.
    #[inline(always)]
    pub(super) fn set(self, value: T) {
        Output(self.0).set(value);
    }
}

/// Returns a field of a view as a [`Kind`].
///
/// `field!(view => Kind, field.of.it)` says that the field has a value, unless the kind is
/// [`Place`] or [`Output`]; and that others access it as the kind says.
macro_rules! field {
    ($view:expr => $kind:ident, $($field:ident).+) => {{
        let view = $view;
        // SAFETY: By the requirements of `View` the structure is valid as long as the view, and so
        // are its fields. The user of the macro says why the kind is right.
        unsafe {
            <$crate::kvm::view::$kind<'_, _> as $crate::kvm::view::Kind<'_, _>>::at(
                $crate::kvm::view::Place::of(
                    view,
                    &raw mut (*$crate::kvm::view::View::as_ptr(view)).$($field).+,
                ),
            )
        }
    }};
}
pub(super) use field;

/// Defines methods that return fields of the structures that views dereference to.
///
/// The entry `fn name() -> Kind<Type> = field.of.it;` says what [`field!`] says. Its doc comment
/// says why.
macro_rules! fields {
    ($(
        impl $self:ty as $view:ty {
            $($(#[$attr:meta])* fn $name:ident() -> $kind:ident<$ty:ty> = $($field:ident).+;)+
        }
    )+) => {$(
        impl $self {
            $(
                $(#[$attr])*
                #[inline(always)]
                fn $name(&self) -> $crate::kvm::view::$kind<'_, $ty> {
                    let view: &$view = self;
                    $crate::kvm::view::field!(view => $kind, $($field).+)
                }
            )+
        }
    )+};
}
pub(super) use fields;

/// Defines functions that call functions of C, or methods of views that pass them the structures.
///
/// The entry `fn name(argument: Type) -> Type = c_function;` says that the C function needs a valid
/// structure and nothing else, or what the doc comment shows. Arguments are numbers; references, to
/// what the function reads, or sets to a value of the type, before it returns; or addresses that it
/// does not use, or checks.
macro_rules! calls {
    ($(
        impl $self:ty as $view:ty {
            $(
                $(#[$attr:meta])*
                $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $f:ident;
            )+
        }
    )+) => {$(
        impl $self {
            $(
                $(#[$attr])*
                #[inline(always)]
                $vis fn $name(&self $(, $arg: $ty)*) $(-> $ret)? {
                    let view: &$view = self;
                    let ptr = <$view as $crate::kvm::view::View>::as_ptr(view);
                    // SAFETY: By the requirements of `View` the structure is valid as long as the
                    // view, and so is what a reference refers to. The entry is true of the
                    // function.
                    unsafe { $crate::bindings::$f(ptr $(, $arg)*) }
                }
            )+
        }
    )+};
    ($(
        $(#[$attr:meta])*
        $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $f:ident;
    )+) => {$(
        $(#[$attr])*
        #[inline(always)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: What a reference refers to is valid. The entry is true of the function.
            unsafe { $crate::bindings::$f($($arg),*) }
        }
    )+};
}
pub(super) use calls;

/// Defines a view of which more is known, in its invariants, than of the view that it wraps.
///
/// C passes a pointer for it: whoever calls [`FromC::from_c`] guarantees the invariants. A second
/// field then has the value that is given here.
macro_rules! known {
    (
        $(#[$attr:meta])*
        pub struct $name:ident<'_>($view:ty $(, $(#[$more_attr:meta])* $more:ty = $value:expr)?);
    ) => {
        $(#[$attr])*
        #[derive(Clone, Copy)]
        pub struct $name<'a>(&'a $view $(, $(#[$more_attr])* $more)?);

        impl $crate::kvm::FromC for $name<'_> {
            type Raw = *mut <$view as $crate::kvm::View>::C;

            #[inline(always)]
            unsafe fn from_c(raw: Self::Raw) -> Self {
                // INVARIANT: The caller guarantees the invariants of this type.
                // SAFETY: The caller guarantees that the structure is valid.
                Self(unsafe { $crate::kvm::from_c(raw) } $(, $value)?)
            }
        }

        impl core::ops::Deref for $name<'_> {
            type Target = $view;

            #[inline]
            fn deref(&self) -> &$view {
                self.0
            }
        }
    };
}
pub(super) use known;
