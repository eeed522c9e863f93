"""How much there is, and how often things happen: every number that makes the data look like a shop's.

The sources are two public data sets of real shops, Olist (Brazilian marketplace, 99,441 orders, 2016–2018) and UCI
Online Retail (British gifts, 19,960 invoices, 2010–2011), and what the comment beside a number names. Where they
differ a generic shop is assumed to stand between them. A test holds the outcome against these numbers.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

DEFAULT_ORDERS = 10_000
# Below this, some kinds of row could not occur: each story of an order's life is told at least once.
LEAST_ORDERS = 50
MOST_ORDERS = 10_000_000
DAYS = 730

# So many orders and abandoned carts belong to the last hours, whatever the season says: something is always under way.
ORDERS_OF_THE_LAST_DAY = 8
CARTS_OF_THE_LAST_DAY = 2

# November is 1.74 times the mean month in UCI, whose weekdays run from Thursday 21 % to Saturday 0 %; consumers buy at
# weekends too. Olist's Black Friday had seven times the orders of a mean day. Percent of the mean, by month from
# January and by weekday from Monday.
MONTHS = (84, 80, 90, 90, 96, 94, 90, 88, 98, 108, 174, 130)
WEEKDAYS = (108, 106, 104, 108, 98, 86, 90)
BLACK_FRIDAY = 400
GROWTH_PER_DAY = 0.0006  # A shop that grows by about a quarter each year: an assumption.
# By hour of the day in UTC, after UCI's peak at noon and with the evenings in which consumers shop.
HOURS = (8, 5, 3, 2, 2, 4, 10, 22, 38, 52, 62, 68, 70, 64, 58, 56, 56, 58, 64, 72, 74, 62, 38, 18)

# Lines per order: Olist's mean is 1.14, UCI's 26.6 (wholesale). This has a mean of about 2.
LINES_PER_ORDER = ((1, 50), (2, 25), (3, 12), (4, 7), (5, 3), (6, 2), (8, 1))
UNITS_PER_LINE = ((1, 82), (2, 12), (3, 4), (4, 1), (6, 1))

# In UCI the top 20 % of articles make 64.4 % of the lines. With weights of rank ** -0.75 they make 0.2 ** 0.25 = 67 %.
POPULARITY_EXPONENT = -0.75

# Shares in percent, of all orders: assumptions, where nothing else is said.
GUESTS = 55
# Of the customers who bought, those who do so again: 3 % in Olist, 66 % in UCI; 25–35 % is what shops report.
# See accounts.py for how the rest of a hundred is divided.
REPEAT_BUYERS = 31
# How much more often the first of them come than the last: the position is a uniform number to this power. In UCI one
# percent of the customers order thirty times and more.
LOYALTY_EXPONENT = 1.5
WITH_COUPON = 6
WITH_COUPON_IN_A_SALE = 25
WELCOME_COUPON = 35
CARTS_MERGED_AT_LOGIN = 6
# Baymard's mean of abandoned carts is 70 % (2.3 for each order); most are purged, these are what retention left.
ABANDONED_CARTS_PER_ORDER = 0.5
ABANDONED_BY_CUSTOMERS = 20

# What is older is purged: log-ins and sessions whole, events of the outbox down to the last one of each order.
LOGIN_RETENTION = dt.timedelta(days=60)
OUTBOX_RETENTION = dt.timedelta(days=14)

CART_LIFETIME = dt.timedelta(days=30)
PAYMENT_WINDOW = dt.timedelta(hours=24)
TRANSFER_WINDOW = dt.timedelta(days=7)

HOT_SLOTS = 8


@dataclass(frozen=True)
class Sizes:
    """How many of each. All follow from the number of orders."""

    orders: int
    customers: int
    products: int
    abandoned_carts: int


def sizes_for(orders: int, catalogue_for: int | None = None) -> Sizes:
    """The sizes that belong to so many orders: 10,000 make 2,000 customers and 500 products with 1,500 variants.

    Customers grow with the orders, the catalogue with their square root: a shop that sells a hundred times as much has
    not a hundred times the articles. This also bounds what the loader holds in memory. `catalogue_for` is for a load that
    is a part of so many orders.
    """
    scale = orders / DEFAULT_ORDERS
    return Sizes(
        orders=orders,
        customers=max(20, round(2_000 * scale)),
        products=max(40, round(500 * math.sqrt((catalogue_for or orders) / DEFAULT_ORDERS) / 5) * 5),
        abandoned_carts=max(12, round(orders * ABANDONED_CARTS_PER_ORDER)),
    )
