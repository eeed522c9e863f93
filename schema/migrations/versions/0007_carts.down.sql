DROP FUNCTION shop.refuse_lines_of_closed_carts();
