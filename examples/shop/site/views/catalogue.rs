//! The catalogue: a grid of everything on sale.

use super::layout::page;
use crate::site::{
    catalogue::{ITEMS, Item, RAIL},
    visit::Visit,
};

pub(crate) fn catalogue(visit: &Visit) -> String {
    let cards: String = ITEMS.iter().map(|item| card(item, visit.cart.quantity(item))).collect();
    let content = format!(
        r#"<section class="welcome">
<div><h1>Come in from the weather</h1>
<p>Eight good things for wind, rain and waiting. Take your time: we keep your cart on its hook.</p></div>
{RAIL}</section>
<ul class="grid">
{cards}</ul>"#
    );
    page("Shop", visit, &content)
}

fn card(item: &Item, in_cart: u32) -> String {
    let Item { slug, name, note, price, art } = item;
    let held = match in_cart {
        0 => String::new(),
        _ => format!(r#"<p class="held">{in_cart} in cart</p>"#),
    };
    format!(
        r#"<li class="card" id="{slug}">
<div class="art">{art}{held}</div>
<h2>{name}</h2>
<p class="note">{note}</p>
<form class="buy" method="post" action="/cart">
<input type="hidden" name="item" value="{slug}">
<p class="price">{price}</p>
<button aria-label="Add {name} to the cart">Add</button>
</form>
</li>
"#
    )
}
