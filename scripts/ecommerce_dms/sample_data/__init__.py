"""Sample data: a shop's last two years, made from a seed, and loaded by COPY in one transaction.

Three kinds of file, and one way that things flow through them:

- what is assumed: sizes.py (how much, how often), markets.py (where), assortment.py (what), stories.py (how an
  order's life goes);
- what makes rows, without a database: history.py walks through the days and asks catalogue.py, inventory.py,
  coupons.py, accounts.py, carts.py, orders.py, lives.py, payments.py, fulfilment.py, ledger.py and integration.py;
- what writes them: present.py (what is there already), loading.py (the one transaction), bulk.py (guards aside and
  back), stream.py (rows as COPY text), checksums.py.
"""
