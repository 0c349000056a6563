//! What the shop sells.

use std::{fmt, iter::Sum, ops::Mul};

/// Everything on sale, in the order in which it hangs.
pub(crate) static ITEMS: [Item; 8] = [
    Item {
        slug: "overcoat",
        name: "Camel overcoat",
        note: "Double-breasted wool, heavy enough for a platform at midnight.",
        price: Cents(28_900),
        art: include_str!("art/overcoat.svg"),
    },
    Item {
        slug: "raincoat",
        name: "Harbour raincoat",
        note: "Waxed cotton with toggles that cold fingers can open.",
        price: Cents(14_900),
        art: include_str!("art/raincoat.svg"),
    },
    Item {
        slug: "fedora",
        name: "Felt fedora",
        note: "Rabbit-free felt, a ribbon and one pheasant feather.",
        price: Cents(7_950),
        art: include_str!("art/fedora.svg"),
    },
    Item {
        slug: "beanie",
        name: "Bobble hat",
        note: "Thick lambswool rib. The bobble is the point.",
        price: Cents(2_450),
        art: include_str!("art/beanie.svg"),
    },
    Item {
        slug: "umbrella",
        name: "Storm umbrella",
        note: "Eight ribs and a chestnut crook. Made to be left behind.",
        price: Cents(5_900),
        art: include_str!("art/umbrella.svg"),
    },
    Item {
        slug: "scarf",
        name: "College scarf",
        note: "Two metres of merino in nobody’s colours.",
        price: Cents(3_800),
        art: include_str!("art/scarf.svg"),
    },
    Item {
        slug: "gloves",
        name: "Driving gloves",
        note: "Soft leather, knitted cuffs, always found in pairs.",
        price: Cents(4_650),
        art: include_str!("art/gloves.svg"),
    },
    Item {
        slug: "boots",
        name: "Puddle boots",
        note: "Natural rubber up to the knee, for the shortest way home.",
        price: Cents(6_200),
        art: include_str!("art/boots.svg"),
    },
];

/// A drawing of the rail on which it hangs, as SVG.
pub(crate) const RAIL: &str = include_str!("art/rail.svg");

/// One thing on sale.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its name in forms and in carts: it never changes.
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    pub(crate) price: Cents,
    /// A drawing, as SVG.
    pub(crate) art: &'static str,
}

/// The item of this slug, if there is one. Slugs come from forms, so they may be anything.
pub(crate) fn find(slug: &str) -> Option<&'static Item> {
    ITEMS.iter().find(|item| item.slug == slug)
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cents(pub(crate) u64);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (euros, cents) = (self.0 / 100, self.0 % 100);
        match euros {
            0..1_000 => write!(f, "€{euros}.{cents:02}"),
            _ => write!(f, "€{},{:03}.{cents:02}", euros / 1_000, euros % 1_000),
        }
    }
}

impl Mul<u32> for Cents {
    type Output = Self;

    fn mul(self, quantity: u32) -> Self {
        Self(self.0 * u64::from(quantity))
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}
