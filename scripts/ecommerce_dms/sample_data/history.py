"""The walk through the days: the whole history of the shop, as batches of rows.

Each day is made once, in order, with what it does to stock and coupons, and handed over in batches of some thousand
rows, whose rows are then forgotten. The alternatives were to make each table in a walk of its own, which makes
everything thirty times over, and to spool rows to files, which writes everything twice; COPY does not mind being called
for each batch.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator

from ecommerce_dms.sample_data import accounts, carts, pools, sizes, stories
from ecommerce_dms.sample_data.accounts import Accounts
from ecommerce_dms.sample_data.catalogue import Catalogue, Variant
from ecommerce_dms.sample_data.coupons import WELCOME, Coupon, Coupons
from ecommerce_dms.sample_data.inventory import Place, Stock
from ecommerce_dms.sample_data.ledger import Ledger
from ecommerce_dms.sample_data.lives import Life
from ecommerce_dms.sample_data.orders import Allocation, Buyer, Line, Order, choose_method, price
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.randomness import Weighted, uuid7
from ecommerce_dms.sample_data.season import Calendar, Clock, day_weights
from ecommerce_dms.sample_data.stories import STORIES, Story
from ecommerce_dms.sample_data.taxes import Shipping, Taxes
from ecommerce_dms.sample_data.timeline import Batch, Timeline
from ecommerce_dms.sample_data.world import World

_ROWS_PER_BATCH = 20_000
_MERGED_EVERY = 100 // sizes.CARTS_MERGED_AT_LOGIN
# Minutes before `as_of` at which the orders of the last hours are placed, from the last one backwards.
_LAST_MINUTES = (3, 11, 24, 45, 95, 180, 290, 420)

_LINES = Weighted(sizes.LINES_PER_ORDER)
_UNITS = Weighted(sizes.UNITS_PER_LINE)
_STORIES = Weighted((story, story.weight) for story in STORIES)


class History:
    """The history of a shop by a plan. Walk through `batches` once; the sums beside it are complete then."""

    def __init__(self, plan: Plan) -> None:
        """Makes what is there before the first day."""
        self.orders_made = 0
        self._plan = plan
        weights = day_weights(plan.start, sizes.DAYS)
        self._clock = Clock(plan.start)
        self._orders = Calendar(plan.sizes.orders - sizes.ORDERS_OF_THE_LAST_DAY, weights)
        self._registrations = Calendar(plan.sizes.customers, weights)
        self._abandoned = Calendar(plan.sizes.abandoned_carts - sizes.CARTS_OF_THE_LAST_DAY, weights)
        self._abandoned_by_customers = 0
        self._customer_orders = 0
        self._first_number = plan.present.numbers["orders"] + 1
        self._world = self._open()

    # What is known at the end ---------------------------------------------------------------------------------------

    @property
    def numbers(self) -> dict[str, int]:
        """The number given last, by table or series."""
        return self._world.numbers

    @property
    def levels(self) -> dict[Place, list[int]]:
        """Units on hand and reserved, by (variant, warehouse, slot)."""
        return self._world.stock.levels

    @property
    def coupon_uses(self) -> dict[int, int]:
        """Redemptions that were not released, by coupon."""
        return {coupon.key: coupon.used for coupon in self._world.coupons.all}

    @property
    def series(self) -> dict[str, int]:
        """The last number of each series of documents."""
        return {name: number for name, number in self.numbers.items() if name.startswith(("INV-", "CN-"))}

    # The opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> World:
        plan = self._plan
        batch: Batch = defaultdict(list)
        numbers = dict(plan.present.numbers)
        for year in range(plan.start.year, plan.as_of.year + 1):
            for series in (f"INV-{year}", f"CN-{year}"):
                if series not in plan.present.document_series:
                    batch["document_series"].append((series,))
                numbers[series] = plan.present.document_series.get(series, 0)
        timeline = Timeline(numbers)
        filled = pools.fill(plan.seed)
        catalogue = Catalogue(plan, filled, numbers, dict(plan.present.categories), batch, timeline)
        variants = catalogue.variants
        plan.stream("popularity").shuffle(variants)
        # The most wanted article has been there from the beginning.
        variants.sort(key=lambda v: v.on_sale_from > plan.start or v.on_sale_until is not None)
        weights = [(rank + 1) ** sizes.POPULARITY_EXPONENT for rank in range(len(variants))]
        stock = Stock(plan, numbers, batch, timeline)
        stock.stock_up(variants, [weight / sum(weights) for weight in weights], batch)
        return World(
            plan=plan,
            pools=filled,
            numbers=numbers,
            batch=batch,
            timeline=timeline,
            taxes=Taxes(plan, numbers, batch),
            shipping=Shipping(plan, numbers, batch),
            stock=stock,
            coupons=Coupons(plan, numbers, batch, timeline),
            accounts=Accounts(plan, filled, self._clock, self._registrations, timeline),
            ledger=Ledger(timeline),
            variants=variants,
            popularity=Weighted(enumerate(weights)),
        )

    # The days -------------------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[Batch]:
        """Rows by table. A batch is emptied when the next one is asked for."""
        world = self._world
        for day in range(sizes.DAYS):
            self._live_day(day)
            world.timeline.release(self._clock.day(day + 1), world.batch)
            if sum(map(len, world.batch.values())) >= _ROWS_PER_BATCH:
                yield world.batch
                world.batch.clear()
        world.timeline.release(None, world.batch)
        yield world.batch
        world.batch.clear()

    def _live_day(self, day: int) -> None:
        world = self._world
        world.stock.count(self._clock.day(day), day)
        world.accounts.register(day, world.batch)
        world.accounts.strangers(day)
        rng = self._plan.stream("orders", day)
        moments = [self._clock.moment(day, rng) for _ in self._orders.on(day)]
        told: list[Story | None] = [None] * len(moments)
        if day == sizes.DAYS - 1:
            moments += [self._plan.as_of - dt.timedelta(minutes=m) for m in _LAST_MINUTES]
            told += [stories.named(name) for name in stories.LAST_DAY]
        numbers = world.accounts.first_buyers(day)[: len(moments)]
        first_time: list[int | None] = numbers + [None] * (len(moments) - len(numbers))
        rng.shuffle(first_time)
        by_moment = sorted(zip(moments, told, first_time, strict=True), key=lambda one: one[0])
        for moment, story, newcomer in by_moment:
            self._place(day, moment, story or self._next_story(rng), newcomer, rng)
        self._abandon(day)

    def _next_story(self, rng: random.Random) -> Story:
        """Each story once, in turn, and then by weight."""
        if self.orders_made < len(STORIES):
            return STORIES[self.orders_made]
        return _STORIES.pick(rng)

    # An order -------------------------------------------------------------------------------------------------------

    def _place(self, day: int, moment: dt.datetime, story: Story, newcomer: int | None, rng: random.Random) -> None:
        world = self._world
        buyer = self._buyer(day, newcomer, rng)
        if buyer.customer:
            self._customer_orders += 1
            if rng.random() < 0.8 or day == sizes.DAYS - 1:
                world.accounts.log_in(buyer.customer, moment, rng, world.batch)
        number = world.numbers["orders"] = world.numbers["orders"] + 1
        key = uuid7(rng, moment)
        lines = self._lines(buyer, moment, story, rng)
        include = world.plan.present.prices_include_tax[buyer.who.market.country]
        window = sizes.TRANSFER_WINDOW if story.payment == "transfer" else sizes.PAYMENT_WINDOW
        code = "pickup" if story.coupon else choose_method(rng)
        order = Order(key, number, "", buyer, moment, moment + window, include, world.shipping.methods[code], lines)
        coupon = self._coupon(order, story, newcomer is not None, rng)
        price(order, world.taxes, world.shipping, coupon, moment)
        if coupon:
            world.coupons.redeem(coupon, buyer.email)
        for line in lines:
            taken = world.stock.promise(line.variant, line.quantity, moment, rng)
            line.allocations = [Allocation(*part) for part in taken]
        order.cart = self._cart(order, rng)
        if story.payment == "free" and order.total:
            story = STORIES[0]
        Life(world, order, story, rng).live()
        self.orders_made += 1

    def _buyer(self, day: int, newcomer: int | None, rng: random.Random) -> Buyer:
        known = self._world.accounts
        customer = None
        if newcomer is not None:
            customer = known.customer(newcomer)
        elif rng.random() * 100 < self._share_of_repeaters(day):
            customer = known.repeating(day, rng)
        if not customer:
            return self._guest()
        shipping = customer.addresses[-1] if rng.random() < 0.2 else customer.addresses[0]
        return Buyer(customer.who, customer.email, shipping, customer.addresses[0], customer)

    def _share_of_repeaters(self, day: int) -> float:
        """Percent, of the orders that no newcomer places: it grows with the customers there are, up to twice its mean."""
        first_orders = self._plan.sizes.customers / self._plan.sizes.orders * accounts.BUYING
        mean = (100 - sizes.GUESTS - first_orders) / (100 - first_orders) * 100
        return max(mean, 5) * 2 * self._world.accounts.grown(day)

    def _guest(self) -> Buyer:
        """A guest, known by the number of their order; one in twelve was here sixty orders ago."""
        world = self._world
        number = world.numbers["orders"] + 1
        if number % 12 == 0 and number - 60 >= self._first_number:
            number -= 60
        rng = world.plan.stream("guest", number)
        who = pools.person(world.pools, world.accounts.market(rng), rng)
        address = pools.postal_address(world.pools, who, rng)
        billing = pools.postal_address(world.pools, who, rng) if rng.random() < 0.1 else address
        return Buyer(who, f"{who.mailbox}.{number}@example.net", address, billing)

    def _lines(self, buyer: Buyer, moment: dt.datetime, story: Story, rng: random.Random) -> list[Line]:
        """Lines of distinct variants that are on sale and in stock."""
        world, currency = self._world, buyer.who.market.currency
        chosen: dict[int, tuple[Variant, int]] = {}
        for _ in range(_LINES.pick(rng)):
            found = self._find(moment, chosen, rng)
            if found:
                quantity = min(_UNITS.pick(rng), world.stock.available(found, moment))
                chosen[found.key] = (found, quantity)
        first, quantity = next(iter(chosen.values()))
        least = story.least_units - sum(units for _, units in chosen.values()) + quantity
        if story.twist == "bulk":
            # More than the first warehouse has, so that the second one sends the rest.
            least = min(world.stock.available(first, moment, first_warehouse_only=True) + 2, 300)
        chosen[first.key] = (first, min(max(quantity, least), world.stock.available(first, moment)))
        return [
            Line(position, variant, units, variant.price_at(currency, moment))
            for position, (variant, units) in enumerate(chosen.values(), start=1)
        ]

    def _find(self, moment: dt.datetime, chosen: dict[int, tuple], rng: random.Random) -> Variant | None:
        """A variant by popularity: the next one on the list that can be bought and is not chosen yet."""
        world = self._world
        rank = world.popularity.pick(rng)
        for step in range(len(world.variants)):
            variant = world.variants[(rank + step) % len(world.variants)]
            if variant.key not in chosen and variant.is_sold_at(moment) and world.stock.available(variant, moment) > 0:
                return variant
        return None

    def _coupon(self, order: Order, story: Story, is_first: bool, rng: random.Random) -> Coupon | None:
        coupons = self._world.coupons
        subtotal = sum(line.subtotal for line in order.lines)
        if story.coupon:
            coupon = coupons.named(story.coupon)
            return coupon if coupon.fits(order.currency, subtotal, order.placed) else None
        if is_first and rng.random() * 100 < sizes.WELCOME_COUPON:
            welcome = coupons.named(WELCOME)
            return welcome if welcome.fits(order.currency, subtotal, order.placed) else None
        # Orders that end early are sure to show what becomes of a coupon.
        wanted = self.orders_made < len(STORIES) and story.ending in ("cancelled", "expired")
        usable, is_sale = coupons.usable(order.buyer.email, order.currency, subtotal, order.placed)
        chance = sizes.WITH_COUPON_IN_A_SALE if is_sale else sizes.WITH_COUPON
        return rng.choice(usable) if usable and (wanted or rng.random() * 100 < chance) else None

    def _cart(self, order: Order, rng: random.Random) -> str:
        customer = order.buyer.customer
        return carts.converted(
            self._world.batch,
            rng,
            (customer.key, customer.created) if customer else None,
            order.currency,
            order.coupon,
            [(line.variant.key, line.quantity) for line in order.lines],
            order.placed,
            bool(customer) and self._customer_orders % _MERGED_EVERY == 1,
        )

    # Carts that nobody came back to ---------------------------------------------------------------------------------

    def _abandon(self, day: int) -> None:
        rng = self._plan.stream("abandoned", day)
        by_customer = [rng.random() * 100 < sizes.ABANDONED_BY_CUSTOMERS for _ in self._abandoned.on(day)]
        if day == sizes.DAYS - 1:
            by_customer += [True, False]
        for is_customer in by_customer:
            moment = self._clock.moment(day, rng)
            chosen: dict[int, tuple] = {}
            for _ in range(rng.randint(1, 3)):
                found = self._find(moment, chosen, rng)
                if found:
                    chosen[found.key] = (found, 1)
            variants = [variant for variant, _ in chosen.values()]
            owner = self._owner(day) if is_customer else None
            carts.abandoned(self._world.batch, rng, owner, variants, moment, self._plan.as_of)

    def _owner(self, day: int) -> tuple[str, str, dt.datetime] | None:
        """The next customer in turn, so that nobody has two open carts: a turn takes far longer than a cart lives."""
        registered = self._registrations.before(day)
        self._abandoned_by_customers += 1
        if not registered:
            return None
        customer = self._world.accounts.customer(self._abandoned_by_customers % registered)
        return (customer.key, customer.who.market.currency, customer.created) if customer.status == "active" else None
