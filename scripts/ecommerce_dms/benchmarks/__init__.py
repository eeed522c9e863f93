"""Measures the contract: what benchmark.py runs. Nothing here is used by the database or by another program.

shop.py        a server of the benchmark's own, durability on, with a loaded shop and articles that never sell out
growth.py      makes a loaded shop several times as large, so that a million orders are there in minutes
standby.py     a second server that confirms every commit
pgbench.py     runs PostgreSQL's own load generator and reads what it measured
report.py      results as tables, on the terminal and in docs/benchmarks.md
checkout.py    orders a second: the contract, the same rows without any check, and an ORM's statements
hot.py         everybody buys the same product
reads.py       pages and lists, at two sizes of the shop
*.sql          what the clients send, and what is prepared for them
"""
