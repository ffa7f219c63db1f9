"""Per-customer figures of UCI Online Retail, computed from the file alone (csv and decimal of Python's own library).

Written without a look at the importer: an order is an invoice whose number does not begin with C or A, a refund one
that begins with C; amounts are sums of quantity times unit price over its lines. Prints one JSON object.
"""

import collections
import csv
import decimal
import gzip
import json
import sys

LARGE = decimal.Decimal(2000)

path = sys.argv[1]
lines = 0
revenue = collections.defaultdict(decimal.Decimal)
refunded = collections.defaultdict(decimal.Decimal)
orders = collections.defaultdict(set)
refunds = collections.defaultdict(set)
invoice_total = collections.defaultdict(decimal.Decimal)
owner = {}

with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        lines += 1
        invoice = row["InvoiceNo"]
        customer = row["CustomerID"].removesuffix(".0")
        amount = int(row["Quantity"]) * decimal.Decimal(row["UnitPrice"])
        if invoice.startswith("A"):
            continue
        person = f"user_id:{customer}" if customer else f"anonymous_id:invoice-{invoice}"
        if not invoice.startswith("C"):
            invoice_total[invoice] += amount
            owner[invoice] = person
        if not customer:
            continue
        if invoice.startswith("C"):
            refunds[customer].add(invoice)
            refunded[customer] -= amount
        else:
            orders[customer].add(invoice)
            revenue[customer] += amount

customers = {
    customer: {
        "orders": len(orders[customer]),
        "revenue": str(revenue[customer]),
        "refunds": len(refunds[customer]),
        "refunded": str(refunded[customer]),
    }
    for customer in sorted(set(orders) | set(refunds))
}
large = sorted({owner[invoice] for invoice, total in invoice_total.items() if total >= LARGE})
json.dump({"lines": lines, "customers": customers, "peopleWithLargeOrder": large}, sys.stdout)
