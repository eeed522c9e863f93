-- Tax classes are few and the same for everybody; rates are the shop's own data and come from its staff.

INSERT INTO shop.tax_classes (tax_class, description) VALUES
    ('standard', 'Goods taxed at the standard rate.'),
    ('reduced', 'Goods taxed at a reduced rate, such as food or books in many countries.'),
    ('zero', 'Goods taxed at zero: on the invoice, with a rate of nought.'),
    ('shipping', 'Delivery charges.');

CALL shop.refuse_truncate_of('tax_classes', 'tax_rates', 'shipping_methods', 'shipping_rates');
