-- Tax classes are few and the same for everybody; rates are the shop's own data and come from its staff.

INSERT INTO shop.tax_classes (tax_class, description) VALUES
    ('standard', 'Goods taxed at the standard rate.'),
    ('reduced', 'Goods taxed at a reduced rate, such as food or books in many countries.'),
    ('zero', 'Goods taxed at zero: on the invoice, with a rate of nought.'),
    ('shipping', 'Delivery charges.');

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_tax_rates_tax_class ON shop.tax_rates IS
    'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_shipping_methods_tax_class ON shop.shipping_methods IS
    'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_shipping_rates_country ON shop.shipping_rates IS
    'No index: countries are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_shipping_rates_currency ON shop.shipping_rates IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

CALL shop.refuse_truncate_of('tax_classes', 'tax_rates', 'shipping_methods', 'shipping_rates');
