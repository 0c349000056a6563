//! What a customer wants to buy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalogue::{Cents, ITEMS, Item};

/// The largest quantity of one item.
pub(crate) const MOST: u32 = 20;

/// How many of which item, by slug. This is what the session keeps, as JSON: `{"scarf":2}`.
///
/// Slugs and not items: a session may be older than the catalogue, and what is no longer sold is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart(BTreeMap<String, u32>);

/// One kind of thing in a cart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) item: &'static Item,
    pub(crate) quantity: u32,
}

impl Cart {
    /// One more of this item.
    pub(crate) fn add(&mut self, item: &Item) {
        self.set(item, self.quantity(item).saturating_add(1));
    }

    /// Exactly so many of this item; none takes it out.
    pub(crate) fn set(&mut self, item: &Item, quantity: u32) {
        if quantity == 0 {
            self.0.remove(item.slug);
        } else {
            self.0.insert(item.slug.to_owned(), quantity.min(MOST));
        }
    }

    /// How many of this item there are.
    pub(crate) fn quantity(&self, item: &Item) -> u32 {
        self.0.get(item.slug).copied().unwrap_or_default()
    }

    /// What is in the cart, in the order of the catalogue.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        ITEMS.iter().map(|item| Line { item, quantity: self.quantity(item) }).filter(|line| line.quantity > 0)
    }

    /// How many things there are altogether.
    pub(crate) fn count(&self) -> u32 {
        self.lines().map(|line| line.quantity).sum()
    }

    /// What it all costs.
    pub(crate) fn total(&self) -> Cents {
        self.lines().map(Line::price).sum()
    }
}

impl Line {
    /// What the line costs.
    pub(crate) fn price(self) -> Cents {
        self.item.price * self.quantity
    }
}
