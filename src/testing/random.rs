//! Random inputs for unit tests.

use quickcheck::{Arbitrary as _, Gen, QuickCheck, Testable};

/// Checks a property on 256 random inputs. One for which it fails is made smaller before it is printed.
pub(crate) fn check(property: impl Testable) {
    QuickCheck::new().tests(256).quickcheck(property);
}

/// A number below `end`.
pub(crate) fn below(end: usize, g: &mut Gen) -> usize {
    usize::arbitrary(g) % end
}

/// True once in `times`, on average.
pub(crate) fn once_in(times: usize, g: &mut Gen) -> bool {
    below(times, g) == 0
}

/// One of the choices.
pub(crate) fn one_of<T: Copy>(choices: &[T], g: &mut Gen) -> T {
    *g.choose(choices).expect("there is a choice")
}

/// Up to `most` of these letters.
pub(crate) fn word(letters: &str, most: usize, g: &mut Gen) -> String {
    let letters: Vec<_> = letters.chars().collect();
    (0..below(most + 1, g)).map(|_| one_of(&letters, g)).collect()
}
