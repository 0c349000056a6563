//! The cart: what is in it, how many, and what it costs.

use super::{format::count, layout::page};
use crate::site::{
    cart::{Line, MOST},
    visit::Visit,
};

pub(crate) fn cart(visit: &Visit) -> String {
    let lines: String = visit.cart.lines().map(line).collect();
    let content = if lines.is_empty() { empty() } else { filled(&lines, visit) };
    page("Cart", visit, &content)
}

fn empty() -> String {
    r#"<div class="empty">
<h1>Your cart is empty</h1>
<p>The hook is yours, and there is room on it.</p>
<a class="button" href="/">See what we have</a>
</div>"#
        .to_owned()
}

fn filled(lines: &str, visit: &Visit) -> String {
    let (things, total) = (count(visit.cart.count().into(), "thing"), visit.cart.total());
    format!(
        r#"<h1>Your cart</h1>
<ul class="lines">
{lines}</ul>
<p class="total"><span>{things}</span> <strong>{total}</strong></p>
<p><a class="button quiet" href="/">Look for more</a></p>"#
    )
}

/// One line. Its buttons say how many there shall be, not how many more: pressed twice, they do it once.
fn line(line: Line) -> String {
    let Line { item, quantity } = line;
    let (slug, name, art) = (item.slug, item.name, item.art);
    let (each, price) = (item.price, line.price());
    let (fewer, more) = (quantity.saturating_sub(1), quantity.saturating_add(1));
    let at_most = if quantity < MOST { "" } else { " disabled" };
    format!(
        r#"<li class="line" data-item="{slug}">
<div class="art">{art}</div>
<div class="what"><h2>{name}</h2><p class="note">{each} each</p></div>
<form class="stepper" method="post" action="/cart">
<input type="hidden" name="item" value="{slug}">
<button name="quantity" value="{fewer}" aria-label="One {name} fewer">−</button>
<output aria-label="Quantity">{quantity}</output>
<button name="quantity" value="{more}" aria-label="One {name} more"{at_most}>+</button>
<button class="remove" name="quantity" value="0" aria-label="Remove {name}">Remove</button>
</form>
<p class="price">{price}</p>
</li>
"#
    )
}
