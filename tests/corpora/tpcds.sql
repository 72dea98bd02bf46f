-- Ninety-nine questions to a company that sells in stores, by catalogue and on the web. They ask what
-- the queries of the TPC-DS benchmark ask, with the same features of SQL, in words of our own.

-- 1. Customers who return more than others of the same store: a correlated average of an expression
WITH returned AS (
    SELECT sr_customer_sk AS who, sr_store_sk AS place, sum(sr_return_amt) AS amount
    FROM store_returns JOIN date_dim ON sr_returned_date_sk = d_date_sk
    WHERE d_year = 2001 GROUP BY sr_customer_sk, sr_store_sk)
SELECT c_customer_id FROM returned r, store, customer
WHERE r.amount > (SELECT avg(amount) * 1.25 FROM returned o WHERE o.place = r.place)
    AND s_store_sk = r.place AND s_state = 'OH' AND c_customer_sk = r.who
ORDER BY c_customer_id LIMIT 50;

-- 2. Each weekday's sales against those of a year later
WITH sales AS (
    SELECT ws_sold_date_sk AS day, ws_ext_sales_price AS price FROM web_sales
    UNION ALL SELECT cs_sold_date_sk, cs_ext_sales_price FROM catalog_sales),
weeks AS (
    SELECT d_week_seq AS week, sum(CASE WHEN d_day_name = 'Sunday' THEN price END) AS sun,
        sum(CASE WHEN d_day_name = 'Monday' THEN price END) AS mon
    FROM sales, date_dim WHERE d_date_sk = day GROUP BY d_week_seq)
SELECT a.week, round(a.sun / b.sun, 2), round(a.mon / b.mon, 2)
FROM weeks a, weeks b, (SELECT DISTINCT d_week_seq FROM date_dim WHERE d_year = 1999) y
WHERE a.week = y.d_week_seq AND a.week = b.week - 53 ORDER BY a.week;

-- 3. Brands of a manufacturer in one month of each year
SELECT dt.d_year, item.i_brand_id AS brand_id, item.i_brand AS brand, sum(ss_ext_discount_amt) AS s
FROM date_dim dt, store_sales, item
WHERE dt.d_date_sk = store_sales.ss_sold_date_sk AND store_sales.ss_item_sk = item.i_item_sk
    AND item.i_manufact_id = 200 AND dt.d_moy = 12
GROUP BY dt.d_year, item.i_brand, item.i_brand_id
ORDER BY dt.d_year, s DESC, brand_id LIMIT 50;

-- 4. Customers whose catalogue purchases grow faster than the others: an expression joined six times
WITH totals AS (
    SELECT c_customer_id AS id, c_preferred_cust_flag AS flag, d_year AS y,
        sum((ss_ext_list_price - ss_ext_discount_amt) / 2) AS t, 's' AS kind
    FROM customer, store_sales, date_dim
    WHERE c_customer_sk = ss_customer_sk AND ss_sold_date_sk = d_date_sk GROUP BY 1, 2, 3
    UNION ALL
    SELECT c_customer_id, c_preferred_cust_flag, d_year,
        sum((cs_ext_list_price - cs_ext_discount_amt) / 2), 'c'
    FROM customer, catalog_sales, date_dim
    WHERE c_customer_sk = cs_bill_customer_sk AND cs_sold_date_sk = d_date_sk GROUP BY 1, 2, 3
    UNION ALL
    SELECT c_customer_id, c_preferred_cust_flag, d_year,
        sum((ws_ext_list_price - ws_ext_discount_amt) / 2), 'w'
    FROM customer, web_sales, date_dim
    WHERE c_customer_sk = ws_bill_customer_sk AND ws_sold_date_sk = d_date_sk GROUP BY 1, 2, 3)
SELECT s2.id, s2.flag FROM totals s1, totals s2, totals c1, totals c2, totals w1, totals w2
WHERE s2.id = s1.id AND s1.id = c2.id AND s1.id = c1.id AND s1.id = w1.id AND s1.id = w2.id
    AND s1.kind = 's' AND s2.kind = 's' AND c1.kind = 'c' AND c2.kind = 'c' AND w1.kind = 'w'
    AND w2.kind = 'w' AND s1.y = 2000 AND s2.y = 2001 AND c1.y = 2000 AND c2.y = 2001
    AND w1.y = 2000 AND w2.y = 2001 AND s1.t > 0 AND c1.t > 0 AND w1.t > 0
    AND CASE WHEN c1.t > 0 THEN c2.t / c1.t END > CASE WHEN s1.t > 0 THEN s2.t / s1.t END
    AND CASE WHEN c1.t > 0 THEN c2.t / c1.t END > CASE WHEN w1.t > 0 THEN w2.t / w1.t END
ORDER BY 1, 2 LIMIT 50;

-- 5. Sales, returns and profit of three channels with subtotals
WITH s AS (
    SELECT s_store_id AS id, sum(price) AS sales, sum(gain) AS profit, sum(back) AS returns
    FROM (
        SELECT ss_store_sk AS k, ss_sold_date_sk AS day, ss_ext_sales_price AS price,
            ss_net_profit AS gain, CAST(0 AS DECIMAL(7, 2)) AS back FROM store_sales
        UNION ALL SELECT sr_store_sk, sr_returned_date_sk, CAST(0 AS DECIMAL(7, 2)), -sr_net_loss,
            sr_return_amt FROM store_returns) x, date_dim, store
    WHERE day = d_date_sk AND k = s_store_sk
        AND d_date BETWEEN CAST('2000-08-01' AS DATE) AND (CAST('2000-08-01' AS DATE) + INTERVAL 14 DAY)
    GROUP BY s_store_id),
w AS (
    SELECT web_site_id AS id, sum(ws_ext_sales_price) AS sales, sum(ws_net_profit) AS profit,
        sum(coalesce(wr_return_amt, 0)) AS returns
    FROM web_sales LEFT OUTER JOIN web_returns ON ws_item_sk = wr_item_sk
        AND ws_order_number = wr_order_number, web_site
    WHERE ws_web_site_sk = web_site_sk GROUP BY web_site_id)
SELECT channel, id, sum(sales) AS sales, sum(returns) AS returns, sum(profit) AS profit
FROM (SELECT 'store' AS channel, 'shop ' || id AS id, sales, returns, profit FROM s
    UNION ALL SELECT 'web', 'site ' || id, sales, returns, profit FROM w) z
GROUP BY ROLLUP (channel, id) ORDER BY channel, id LIMIT 50;

-- 6. States with customers of dear items: a scalar subquery and a correlated average
SELECT a.ca_state AS state, count(*) AS n
FROM customer_address a, customer c, store_sales s, date_dim d, item i
WHERE a.ca_address_sk = c.c_current_addr_sk AND c.c_customer_sk = s.ss_customer_sk
    AND s.ss_sold_date_sk = d.d_date_sk AND s.ss_item_sk = i.i_item_sk
    AND d.d_month_seq = (SELECT DISTINCT d_month_seq FROM date_dim WHERE d_year = 2002 AND d_moy = 3)
    AND i.i_current_price > 1.3 * (SELECT avg(j.i_current_price) FROM item j
        WHERE j.i_category = i.i_category)
GROUP BY a.ca_state HAVING count(*) >= 8 ORDER BY n, a.ca_state NULLS FIRST LIMIT 50;

-- 7. Averages of each item for a demography, without promotions
SELECT i_item_id, avg(ss_quantity) AS a1, avg(ss_list_price) AS a2, avg(ss_coupon_amt) AS a3
FROM store_sales, customer_demographics, date_dim, item, promotion
WHERE ss_sold_date_sk = d_date_sk AND ss_item_sk = i_item_sk AND ss_cdemo_sk = cd_demo_sk
    AND ss_promo_sk = p_promo_sk AND cd_gender = 'F' AND cd_marital_status = 'M'
    AND cd_education_status = 'Primary' AND (p_channel_email = 'N' OR p_channel_event = 'N')
    AND d_year = 1999
GROUP BY i_item_id ORDER BY i_item_id LIMIT 50;

-- 8. Profit of stores near preferred customers: an intersection of codes
SELECT s_store_name, sum(ss_net_profit)
FROM store_sales, date_dim, store, (
    SELECT zip FROM (
        SELECT substring(ca_zip, 1, 5) AS zip FROM customer_address
        WHERE substring(ca_zip, 1, 5) IN ('10001', '20002', '30003', '40004', '50005')
        INTERSECT
        SELECT zip FROM (SELECT substring(ca_zip, 1, 5) AS zip, count(*) AS n
            FROM customer_address, customer
            WHERE ca_address_sk = c_current_addr_sk AND c_preferred_cust_flag = 'Y'
            GROUP BY ca_zip HAVING count(*) > 8) many) both_of_them) near
WHERE ss_store_sk = s_store_sk AND ss_sold_date_sk = d_date_sk AND d_qoy = 1 AND d_year = 2000
    AND (substring(s_zip, 1, 2) = substring(near.zip, 1, 2))
GROUP BY s_store_name ORDER BY s_store_name LIMIT 50;

-- 9. One of two averages, as a count says: scalar subqueries in CASE
SELECT CASE WHEN (SELECT count(*) FROM store_sales WHERE ss_quantity BETWEEN 1 AND 20) > 7000
        THEN (SELECT avg(ss_ext_list_price) FROM store_sales WHERE ss_quantity BETWEEN 1 AND 20)
        ELSE (SELECT avg(ss_net_paid) FROM store_sales WHERE ss_quantity BETWEEN 1 AND 20) END AS b1,
    CASE WHEN (SELECT count(*) FROM store_sales WHERE ss_quantity BETWEEN 21 AND 40) > 9000
        THEN (SELECT avg(ss_ext_list_price) FROM store_sales WHERE ss_quantity BETWEEN 21 AND 40)
        ELSE (SELECT avg(ss_net_paid) FROM store_sales WHERE ss_quantity BETWEEN 21 AND 40) END AS b2
FROM reason WHERE r_reason_sk = 2;

-- 10. Demographics of customers who bought in a store and elsewhere: EXISTS joined by OR
SELECT cd_gender, cd_marital_status, cd_education_status, count(*) AS n, cd_dep_count
FROM customer c, customer_address ca, customer_demographics
WHERE c.c_current_addr_sk = ca.ca_address_sk AND ca_county IN ('Rush', 'Toole', 'Dona Ana')
    AND cd_demo_sk = c.c_current_cdemo_sk
    AND EXISTS (SELECT * FROM store_sales, date_dim WHERE c.c_customer_sk = ss_customer_sk
        AND ss_sold_date_sk = d_date_sk AND d_year = 2002 AND d_moy BETWEEN 2 AND 2 + 3)
    AND (EXISTS (SELECT * FROM web_sales, date_dim WHERE c.c_customer_sk = ws_bill_customer_sk
            AND ws_sold_date_sk = d_date_sk AND d_year = 2002)
        OR EXISTS (SELECT * FROM catalog_sales, date_dim WHERE c.c_customer_sk = cs_ship_customer_sk
            AND cs_sold_date_sk = d_date_sk AND d_year = 2002))
GROUP BY cd_gender, cd_marital_status, cd_education_status, cd_dep_count
ORDER BY cd_gender, cd_marital_status, cd_education_status, cd_dep_count LIMIT 50;

-- 11. Customers whose web purchases grow faster than those in stores
WITH t AS (
    SELECT c_customer_id AS id, c_first_name AS f, d_year AS y, 's' AS kind,
        sum(ss_ext_list_price - ss_ext_discount_amt) AS total
    FROM customer, store_sales, date_dim
    WHERE c_customer_sk = ss_customer_sk AND ss_sold_date_sk = d_date_sk
    GROUP BY c_customer_id, c_first_name, d_year
    UNION ALL
    SELECT c_customer_id, c_first_name, d_year, 'w', sum(ws_ext_list_price - ws_ext_discount_amt)
    FROM customer, web_sales, date_dim
    WHERE c_customer_sk = ws_bill_customer_sk AND ws_sold_date_sk = d_date_sk
    GROUP BY c_customer_id, c_first_name, d_year)
SELECT b.id, b.f FROM t a JOIN t b USING (id) JOIN t c USING (id) JOIN t d USING (id)
WHERE a.kind = 's' AND c.kind = 'w' AND b.kind = 's' AND d.kind = 'w' AND a.y = 2001 AND b.y = 2002
    AND c.y = 2001 AND d.y = 2002 AND a.total > 0 AND c.total > 0
    AND CASE WHEN c.total > 0 THEN d.total / c.total ELSE 0.0 END
        > CASE WHEN a.total > 0 THEN b.total / a.total ELSE 0.0 END
ORDER BY 1, 2 LIMIT 50;

-- 12. Each web item's share of its class: a window over aggregates
SELECT i_item_id, i_item_desc, i_category, i_class, i_current_price, sum(ws_ext_sales_price) AS rev,
    sum(ws_ext_sales_price) * 100 / sum(sum(ws_ext_sales_price)) OVER (PARTITION BY i_class) AS share
FROM web_sales, item, date_dim
WHERE ws_item_sk = i_item_sk AND i_category IN ('Books', 'Home', 'Music')
    AND ws_sold_date_sk = d_date_sk AND d_date BETWEEN DATE '1999-03-01' AND DATE '1999-03-31'
GROUP BY i_item_id, i_item_desc, i_category, i_class, i_current_price
ORDER BY i_category, i_class, i_item_id, share LIMIT 50;

-- 13. Averages over alternatives of demography and address
SELECT avg(ss_quantity), avg(ss_ext_sales_price), avg(ss_ext_wholesale_cost), sum(ss_ext_wholesale_cost)
FROM store_sales, store, customer_demographics, household_demographics, customer_address, date_dim
WHERE s_store_sk = ss_store_sk AND ss_sold_date_sk = d_date_sk AND d_year = 2001
    AND ((ss_hdemo_sk = hd_demo_sk AND cd_demo_sk = ss_cdemo_sk AND cd_marital_status = 'D'
            AND ss_sales_price BETWEEN 90.00 AND 140.00 AND hd_dep_count = 3)
        OR (ss_hdemo_sk = hd_demo_sk AND cd_demo_sk = ss_cdemo_sk AND cd_marital_status = 'S'
            AND ss_sales_price BETWEEN 40.00 AND 90.00 AND hd_dep_count = 1))
    AND ((ss_addr_sk = ca_address_sk AND ca_country = 'United States' AND ca_state IN ('TX', 'OH')
            AND ss_net_profit BETWEEN 100 AND 200)
        OR (ss_addr_sk = ca_address_sk AND ca_state IN ('OR', 'NM', 'KY')));

-- 14. Items that all channels sell: intersections, a scalar subquery in HAVING, a rollup of a union
WITH cross_items AS (
    SELECT i_item_sk AS sk FROM item, (
        SELECT i.i_brand_id AS b, i.i_class_id AS c FROM store_sales, item i WHERE ss_item_sk = i.i_item_sk
        INTERSECT SELECT i.i_brand_id, i.i_class_id FROM catalog_sales, item i WHERE cs_item_sk = i.i_item_sk
        INTERSECT SELECT i.i_brand_id, i.i_class_id FROM web_sales, item i WHERE ws_item_sk = i.i_item_sk) x
    WHERE i_brand_id = b AND i_class_id = c),
mean AS (
    SELECT avg(q * p) AS m FROM (
        SELECT ss_quantity AS q, ss_list_price AS p FROM store_sales
        UNION ALL SELECT cs_quantity, cs_list_price FROM catalog_sales
        UNION ALL SELECT ws_quantity, ws_list_price FROM web_sales) y)
SELECT channel, i_brand_id, i_class_id, sum(sales), sum(n)
FROM (
    SELECT 'store' AS channel, i_brand_id, i_class_id, sum(ss_quantity * ss_list_price) AS sales, count(*) AS n
    FROM store_sales, item WHERE ss_item_sk IN (SELECT sk FROM cross_items) AND ss_item_sk = i_item_sk
    GROUP BY i_brand_id, i_class_id HAVING sum(ss_quantity * ss_list_price) > (SELECT m FROM mean)
    UNION ALL
    SELECT 'web', i_brand_id, i_class_id, sum(ws_quantity * ws_list_price), count(*)
    FROM web_sales, item WHERE ws_item_sk IN (SELECT sk FROM cross_items) AND ws_item_sk = i_item_sk
    GROUP BY i_brand_id, i_class_id HAVING sum(ws_quantity * ws_list_price) > (SELECT m FROM mean)) z
GROUP BY ROLLUP (channel, i_brand_id, i_class_id) ORDER BY 1, 2, 3 LIMIT 50;

-- 15. Catalogue sales by postal code, of some codes or states or of high prices
SELECT ca_zip, sum(cs_sales_price) FROM catalog_sales, customer, customer_address, date_dim
WHERE cs_bill_customer_sk = c_customer_sk AND c_current_addr_sk = ca_address_sk
    AND (substr(ca_zip, 1, 5) IN ('11111', '22222') OR ca_state IN ('CA', 'GA') OR cs_sales_price > 450)
    AND cs_sold_date_sk = d_date_sk AND d_qoy = 2 AND d_year = 2000
GROUP BY ca_zip ORDER BY ca_zip LIMIT 50;

-- 16. Orders that were sent from several warehouses and not returned
SELECT count(DISTINCT cs_order_number) AS "order count", sum(cs_ext_ship_cost) AS "shipping cost",
    sum(cs_net_profit) AS "profit"
FROM catalog_sales one, date_dim, customer_address, call_center
WHERE d_date BETWEEN '2002-02-01' AND (CAST('2002-02-01' AS DATE) + INTERVAL 60 DAYS)
    AND one.cs_ship_date_sk = d_date_sk AND one.cs_ship_addr_sk = ca_address_sk AND ca_state = 'GA'
    AND one.cs_call_center_sk = cc_call_center_sk AND cc_county IN ('Rush County', 'Toole County')
    AND EXISTS (SELECT * FROM catalog_sales two WHERE one.cs_order_number = two.cs_order_number
        AND one.cs_warehouse_sk <> two.cs_warehouse_sk)
    AND NOT EXISTS (SELECT * FROM catalog_returns r WHERE one.cs_order_number = r.cr_order_number)
ORDER BY count(DISTINCT cs_order_number) LIMIT 50;

-- 17. Deviation of quantities of what was bought, returned and bought again
SELECT i_item_id, s_state, count(ss_quantity) AS n, avg(ss_quantity) AS a, stddev_samp(ss_quantity) AS s,
    stddev_samp(ss_quantity) / avg(ss_quantity) AS cov, stddev_samp(sr_return_quantity) AS back
FROM store_sales, store_returns, catalog_sales, date_dim d1, date_dim d2, date_dim d3, store, item
WHERE d1.d_quarter_name = '2001Q1' AND d1.d_date_sk = ss_sold_date_sk AND i_item_sk = ss_item_sk
    AND s_store_sk = ss_store_sk AND ss_customer_sk = sr_customer_sk AND ss_item_sk = sr_item_sk
    AND ss_ticket_number = sr_ticket_number AND sr_returned_date_sk = d2.d_date_sk
    AND d2.d_quarter_name IN ('2001Q1', '2001Q2') AND sr_customer_sk = cs_bill_customer_sk
    AND sr_item_sk = cs_item_sk AND cs_sold_date_sk = d3.d_date_sk
GROUP BY i_item_id, s_state ORDER BY i_item_id, s_state LIMIT 50;

-- 18. Averages of catalogue sales by item and place with subtotals
SELECT i_item_id, ca_country, ca_state, ca_county, avg(CAST(cs_quantity AS DECIMAL(12, 2))) AS q,
    avg(CAST(c_birth_year AS DECIMAL(12, 2))) AS born, avg(CAST(cd1.cd_dep_count AS DECIMAL(12, 2))) AS d
FROM catalog_sales, customer_demographics cd1, customer_demographics cd2, customer, customer_address,
    date_dim, item
WHERE cs_sold_date_sk = d_date_sk AND cs_item_sk = i_item_sk AND cs_bill_cdemo_sk = cd1.cd_demo_sk
    AND cs_bill_customer_sk = c_customer_sk AND cd1.cd_gender = 'M' AND c_current_cdemo_sk = cd2.cd_demo_sk
    AND c_current_addr_sk = ca_address_sk AND c_birth_month IN (1, 5, 9, 11) AND d_year = 1998
GROUP BY ROLLUP (i_item_id, ca_country, ca_state, ca_county)
ORDER BY ca_country, ca_state, ca_county, i_item_id LIMIT 50;

-- 19. Brands bought in stores away from home
SELECT i_brand_id AS brand_id, i_brand AS brand, i_manufact_id, i_manufact, sum(ss_ext_sales_price) AS p
FROM date_dim, store_sales, item, customer, customer_address, store
WHERE d_date_sk = ss_sold_date_sk AND ss_item_sk = i_item_sk AND i_manager_id = 7 AND d_moy = 11
    AND ss_customer_sk = c_customer_sk AND c_current_addr_sk = ca_address_sk
    AND substr(ca_zip, 1, 5) <> substr(s_zip, 1, 5) AND ss_store_sk = s_store_sk
GROUP BY i_brand, i_brand_id, i_manufact_id, i_manufact
ORDER BY p DESC, i_brand, i_brand_id, i_manufact_id LIMIT 50;

-- 20. Each catalogue item's share of its class
SELECT i_item_id, i_class, sum(cs_ext_sales_price) AS rev,
    sum(cs_ext_sales_price) * 100.0 / sum(sum(cs_ext_sales_price)) OVER (PARTITION BY i_class) AS share
FROM catalog_sales JOIN item ON cs_item_sk = i_item_sk JOIN date_dim ON cs_sold_date_sk = d_date_sk
WHERE i_category IN ('Shoes', 'Women') AND d_date BETWEEN CAST('2001-01-12' AS DATE) AND CAST('2001-02-11' AS DATE)
GROUP BY i_item_id, i_class ORDER BY i_class, share, i_item_id LIMIT 50;

-- 21. Stock before and after a day, where the two are alike
SELECT * FROM (
    SELECT w_warehouse_name, i_item_id,
        sum(CASE WHEN d_date < CAST('1998-04-08' AS DATE) THEN inv_quantity_on_hand ELSE 0 END) AS before_it,
        sum(CASE WHEN d_date >= CAST('1998-04-08' AS DATE) THEN inv_quantity_on_hand ELSE 0 END) AS after_it
    FROM inventory, warehouse, item, date_dim
    WHERE i_current_price BETWEEN 0.99 AND 1.49 AND i_item_sk = inv_item_sk
        AND inv_warehouse_sk = w_warehouse_sk AND inv_date_sk = d_date_sk
        AND d_date BETWEEN (CAST('1998-04-08' AS DATE) - INTERVAL 30 DAY) AND DATE '1998-05-08'
    GROUP BY w_warehouse_name, i_item_id) x
WHERE (CASE WHEN before_it > 0 THEN after_it * 1.000 / before_it ELSE NULL END) BETWEEN 0.6 AND 1.6
ORDER BY w_warehouse_name, i_item_id LIMIT 50;

-- 22. Mean stock with subtotals
SELECT i_product_name, i_brand, i_class, i_category, avg(inv_quantity_on_hand) AS stock
FROM inventory, date_dim, item
WHERE inv_date_sk = d_date_sk AND inv_item_sk = i_item_sk AND d_month_seq BETWEEN 1190 AND 1190 + 11
GROUP BY ROLLUP (i_product_name, i_brand, i_class, i_category)
ORDER BY stock, i_product_name, i_brand, i_class, i_category LIMIT 50;

-- 23. Sales of frequent items to the best customers: table expressions within IN, a maximum of sums
WITH frequent AS (
    SELECT substr(i_item_desc, 1, 30) AS described, i_item_sk AS sk, d_date AS day, count(*) AS n
    FROM store_sales, date_dim, item
    WHERE ss_sold_date_sk = d_date_sk AND ss_item_sk = i_item_sk AND d_year IN (1999, 1999 + 1, 1999 + 2)
    GROUP BY substr(i_item_desc, 1, 30), i_item_sk, d_date HAVING count(*) > 4),
top AS (
    SELECT max(sales) AS most FROM (SELECT c_customer_sk, sum(ss_quantity * ss_sales_price) AS sales
        FROM store_sales, customer WHERE ss_customer_sk = c_customer_sk GROUP BY c_customer_sk) s),
best AS (
    SELECT c_customer_sk AS sk FROM store_sales, customer WHERE ss_customer_sk = c_customer_sk
    GROUP BY c_customer_sk HAVING sum(ss_quantity * ss_sales_price) > 0.5 * (SELECT * FROM top))
SELECT last_name, sum(sales) FROM (
    SELECT c_last_name AS last_name, cs_quantity * cs_list_price AS sales
    FROM catalog_sales, customer WHERE cs_item_sk IN (SELECT sk FROM frequent)
        AND cs_bill_customer_sk IN (SELECT sk FROM best) AND cs_bill_customer_sk = c_customer_sk
    UNION ALL
    SELECT c_last_name, ws_quantity * ws_list_price FROM web_sales, customer
    WHERE ws_item_sk IN (SELECT sk FROM frequent) AND ws_bill_customer_sk IN (SELECT sk FROM best)
        AND ws_bill_customer_sk = c_customer_sk) y
GROUP BY last_name ORDER BY 1 LIMIT 50;

-- 24. Customers who paid more than a share of the average for things of a colour
WITH sold AS (
    SELECT c_last_name, c_first_name, s_store_name, i_color, i_size, sum(ss_net_paid) AS paid
    FROM store_sales, store_returns, store, item, customer, customer_address
    WHERE ss_ticket_number = sr_ticket_number AND ss_item_sk = sr_item_sk AND ss_customer_sk = c_customer_sk
        AND ss_item_sk = i_item_sk AND ss_store_sk = s_store_sk AND c_current_addr_sk = ca_address_sk
        AND c_birth_country <> upper(ca_country) AND s_zip = ca_zip AND s_market_id = 5
    GROUP BY c_last_name, c_first_name, s_store_name, i_color, i_size)
SELECT c_last_name, c_first_name, s_store_name, sum(paid) AS paid FROM sold WHERE i_color = 'peach'
GROUP BY c_last_name, c_first_name, s_store_name
HAVING sum(paid) > (SELECT 0.05 * avg(paid) FROM sold)
ORDER BY c_last_name, c_first_name, s_store_name;

-- 25. Profit of what was bought, returned and bought again by catalogue
SELECT i_item_id, i_item_desc, s_store_id, s_store_name, max(ss_net_profit) AS a, max(sr_net_loss) AS b,
    max(cs_net_profit) AS c
FROM store_sales, store_returns, catalog_sales, date_dim d1, date_dim d2, date_dim d3, store, item
WHERE d1.d_moy = 4 AND d1.d_year = 2000 AND d1.d_date_sk = ss_sold_date_sk AND i_item_sk = ss_item_sk
    AND s_store_sk = ss_store_sk AND ss_customer_sk = sr_customer_sk AND ss_item_sk = sr_item_sk
    AND ss_ticket_number = sr_ticket_number AND sr_returned_date_sk = d2.d_date_sk
    AND d2.d_moy BETWEEN 4 AND 10 AND sr_customer_sk = cs_bill_customer_sk AND sr_item_sk = cs_item_sk
    AND cs_sold_date_sk = d3.d_date_sk AND d3.d_moy BETWEEN 4 AND 10
GROUP BY i_item_id, i_item_desc, s_store_id, s_store_name ORDER BY 1, 2, 3, 4 LIMIT 50;

-- 26. Averages of each catalogue item for a demography
SELECT i_item_id, avg(cs_quantity), avg(cs_list_price), avg(cs_coupon_amt), avg(cs_sales_price)
FROM catalog_sales
    INNER JOIN customer_demographics ON cs_bill_cdemo_sk = cd_demo_sk
    INNER JOIN date_dim ON cs_sold_date_sk = d_date_sk
    INNER JOIN item ON cs_item_sk = i_item_sk
    INNER JOIN promotion ON cs_promo_sk = p_promo_sk
WHERE cd_gender = 'M' AND cd_marital_status = 'W' AND (p_channel_email = 'N' OR p_channel_event = 'N')
GROUP BY i_item_id ORDER BY i_item_id LIMIT 50;

-- 27. The same by state, with subtotals that tell themselves apart
SELECT i_item_id, s_state, grouping(s_state) AS is_total, avg(ss_quantity) AS a, avg(ss_list_price) AS b
FROM store_sales, customer_demographics, date_dim, store, item
WHERE ss_sold_date_sk = d_date_sk AND ss_item_sk = i_item_sk AND ss_store_sk = s_store_sk
    AND ss_cdemo_sk = cd_demo_sk AND cd_gender = 'F' AND d_year = 2002 AND s_state IN ('TN', 'OH')
GROUP BY ROLLUP (i_item_id, s_state) ORDER BY i_item_id, s_state LIMIT 50;

-- 28. Prices in bands of quantity, side by side: a product of subqueries
SELECT * FROM
    (SELECT avg(ss_list_price) AS a1, count(ss_list_price) AS c1, count(DISTINCT ss_list_price) AS d1
    FROM store_sales WHERE ss_quantity BETWEEN 0 AND 5 AND (ss_list_price BETWEEN 8 AND 18
        OR ss_coupon_amt BETWEEN 450 AND 1450 OR ss_wholesale_cost BETWEEN 50 AND 70)) one,
    (SELECT avg(ss_list_price) AS a2, count(ss_list_price) AS c2, count(DISTINCT ss_list_price) AS d2
    FROM store_sales WHERE ss_quantity BETWEEN 6 AND 10 AND (ss_list_price BETWEEN 90 AND 100
        OR ss_coupon_amt BETWEEN 2000 AND 3000)) two,
    (SELECT avg(ss_list_price) AS a3, count(ss_list_price) AS c3, count(DISTINCT ss_list_price) AS d3
    FROM store_sales WHERE ss_quantity BETWEEN 11 AND 15) three
LIMIT 50;

-- 29. Quantities of what was bought, returned and bought again
SELECT i_item_id, s_store_name, avg(ss_quantity) AS a, avg(sr_return_quantity) AS b, avg(cs_quantity) AS c
FROM store_sales JOIN store_returns ON ss_customer_sk = sr_customer_sk AND ss_item_sk = sr_item_sk
        AND ss_ticket_number = sr_ticket_number
    JOIN catalog_sales ON sr_customer_sk = cs_bill_customer_sk AND sr_item_sk = cs_item_sk
    JOIN date_dim d1 ON d1.d_date_sk = ss_sold_date_sk
    JOIN date_dim d3 ON d3.d_date_sk = cs_sold_date_sk
    JOIN store ON s_store_sk = ss_store_sk JOIN item ON i_item_sk = ss_item_sk
WHERE d1.d_moy = 4 AND d3.d_year IN (1999, 1999 + 1, 1999 + 2)
GROUP BY i_item_id, s_store_name ORDER BY i_item_id, s_store_name LIMIT 50;

-- 30. Customers who returned more on the web than others of their state
WITH back AS (
    SELECT wr_returning_customer_sk AS who, ca_state AS state, sum(wr_return_amt) AS amount
    FROM web_returns, date_dim, customer_address
    WHERE wr_returned_date_sk = d_date_sk AND d_year = 2002 AND wr_returning_addr_sk = ca_address_sk
    GROUP BY wr_returning_customer_sk, ca_state)
SELECT c_customer_id, c_salutation, c_first_name, c_birth_country, c_login, c_email_address, amount
FROM back b, customer_address, customer
WHERE b.amount > (SELECT avg(amount) * 1.2 FROM back o WHERE b.state = o.state)
    AND ca_address_sk = c_current_addr_sk AND ca_state = 'IN' AND b.who = c_customer_sk
ORDER BY 1, 2, 3, 4, 5, 6, 7 LIMIT 50;

-- 31. Counties whose web sales grow faster from quarter to quarter
WITH ss AS (SELECT ca_county AS c, d_qoy AS q, d_year AS y, sum(ss_ext_sales_price) AS s
    FROM store_sales, date_dim, customer_address
    WHERE ss_sold_date_sk = d_date_sk AND ss_addr_sk = ca_address_sk GROUP BY ca_county, d_qoy, d_year),
ws AS (SELECT ca_county AS c, d_qoy AS q, d_year AS y, sum(ws_ext_sales_price) AS s
    FROM web_sales, date_dim, customer_address
    WHERE ws_sold_date_sk = d_date_sk AND ws_bill_addr_sk = ca_address_sk GROUP BY ca_county, d_qoy, d_year)
SELECT a.c, a.y, v.s / u.s AS web_growth, b.s / a.s AS store_growth
FROM ss a, ss b, ws u, ws v
WHERE a.q = 1 AND a.y = 2000 AND a.c = b.c AND b.q = 2 AND b.y = 2000 AND a.c = u.c AND u.q = 1
    AND u.y = 2000 AND u.c = v.c AND v.q = 2 AND v.y = 2000
    AND CASE WHEN u.s > 0 THEN v.s / u.s ELSE NULL END > CASE WHEN a.s > 0 THEN b.s / a.s ELSE NULL END
ORDER BY a.c;

-- 32. Discounts in the catalogue far above the average of the item
SELECT sum(cs_ext_discount_amt) AS "excess discount amount"
FROM catalog_sales, item, date_dim
WHERE i_manufact_id = 270 AND i_item_sk = cs_item_sk AND d_date BETWEEN '2000-01-27' AND DATE '2000-04-26'
    AND d_date_sk = cs_sold_date_sk
    AND cs_ext_discount_amt > (SELECT 1.3 * avg(cs_ext_discount_amt) FROM catalog_sales, date_dim
        WHERE cs_item_sk = i_item_sk AND d_date_sk = cs_sold_date_sk)
LIMIT 50;

-- 33. Manufacturers of a category over all channels
WITH ss AS (SELECT i_manufact_id AS m, sum(ss_ext_sales_price) AS t
    FROM store_sales, date_dim, customer_address, item
    WHERE i_manufact_id IN (SELECT i_manufact_id FROM item WHERE i_category IN ('Books'))
        AND ss_item_sk = i_item_sk AND ss_sold_date_sk = d_date_sk AND ss_addr_sk = ca_address_sk
        AND ca_gmt_offset = -6 GROUP BY i_manufact_id),
cs AS (SELECT i_manufact_id AS m, sum(cs_ext_sales_price) AS t
    FROM catalog_sales, customer_address, item
    WHERE cs_item_sk = i_item_sk AND cs_bill_addr_sk = ca_address_sk GROUP BY i_manufact_id),
ws AS (SELECT i_manufact_id AS m, sum(ws_ext_sales_price) AS t
    FROM web_sales, customer_address, item
    WHERE ws_item_sk = i_item_sk AND ws_bill_addr_sk = ca_address_sk GROUP BY i_manufact_id)
SELECT m, sum(t) AS total FROM (SELECT * FROM ss UNION ALL SELECT * FROM cs UNION ALL SELECT * FROM ws) u
GROUP BY m ORDER BY total, m LIMIT 50;

-- 34. Customers with very many things on one ticket
SELECT c_last_name, c_first_name, c_salutation, c_preferred_cust_flag, ss_ticket_number, n
FROM (SELECT ss_ticket_number, ss_customer_sk, count(*) AS n
    FROM store_sales, date_dim, store, household_demographics
    WHERE ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND ss_hdemo_sk = hd_demo_sk
        AND (d_dom BETWEEN 1 AND 3 OR d_dom BETWEEN 25 AND 28) AND hd_vehicle_count > 0
        AND (CASE WHEN hd_vehicle_count > 0 THEN hd_dep_count / hd_vehicle_count ELSE NULL END) > 1.2
    GROUP BY ss_ticket_number, ss_customer_sk) t, customer
WHERE ss_customer_sk = c_customer_sk AND n BETWEEN 15 AND 20
ORDER BY c_last_name, c_first_name, c_salutation, c_preferred_cust_flag DESC, ss_ticket_number;

-- 35. Several aggregates by demography of customers of two channels
SELECT ca_state, cd_gender, cd_dep_count, count(*) AS n, min(cd_dep_count), max(cd_dep_count),
    avg(cd_dep_count), stddev_samp(cd_dep_college_count)
FROM customer c, customer_address ca, customer_demographics
WHERE c.c_current_addr_sk = ca.ca_address_sk AND cd_demo_sk = c.c_current_cdemo_sk
    AND EXISTS (SELECT * FROM store_sales, date_dim WHERE c.c_customer_sk = ss_customer_sk
        AND ss_sold_date_sk = d_date_sk AND d_year = 2001 AND d_qoy < 4)
    AND (EXISTS (SELECT * FROM web_sales WHERE c.c_customer_sk = ws_bill_customer_sk)
        OR EXISTS (SELECT * FROM catalog_sales WHERE c.c_customer_sk = cs_ship_customer_sk))
GROUP BY ca_state, cd_gender, cd_dep_count ORDER BY ca_state, cd_gender, cd_dep_count LIMIT 50;

-- 36. Margins ranked within each level of subtotals
SELECT sum(ss_net_profit) / sum(ss_ext_sales_price) AS margin, i_category, i_class,
    grouping(i_category) + grouping(i_class) AS level,
    rank() OVER (PARTITION BY grouping(i_category) + grouping(i_class),
        CASE WHEN grouping(i_class) = 0 THEN i_category END
        ORDER BY sum(ss_net_profit) / sum(ss_ext_sales_price) ASC) AS within_parent
FROM store_sales, date_dim d1, item, store
WHERE d1.d_year = 2001 AND d1.d_date_sk = ss_sold_date_sk AND i_item_sk = ss_item_sk
    AND s_store_sk = ss_store_sk AND s_state IN ('TN', 'OH', 'TX')
GROUP BY ROLLUP (i_category, i_class)
ORDER BY level DESC, CASE WHEN level = 0 THEN i_category END, within_parent LIMIT 50;

-- 37. Items of some makers with a middling stock that the catalogue sells
SELECT i_item_id, i_item_desc, i_current_price FROM item, inventory, date_dim, catalog_sales
WHERE i_current_price BETWEEN 60 AND 60 + 30 AND inv_item_sk = i_item_sk AND d_date_sk = inv_date_sk
    AND d_date BETWEEN CAST('2000-02-01' AS DATE) AND CAST('2000-04-01' AS DATE)
    AND i_manufact_id IN (600, 700, 800, 900) AND inv_quantity_on_hand BETWEEN 100 AND 500
    AND cs_item_sk = i_item_sk
GROUP BY i_item_id, i_item_desc, i_current_price ORDER BY i_item_id LIMIT 50;

-- 38. How many customers bought on the same day in all channels
SELECT count(*) FROM (
    SELECT DISTINCT c_last_name, c_first_name, d_date FROM store_sales, date_dim, customer
    WHERE ss_sold_date_sk = d_date_sk AND ss_customer_sk = c_customer_sk AND d_month_seq BETWEEN 1200 AND 1211
    INTERSECT
    SELECT DISTINCT c_last_name, c_first_name, d_date FROM catalog_sales, date_dim, customer
    WHERE cs_sold_date_sk = d_date_sk AND cs_bill_customer_sk = c_customer_sk
    INTERSECT
    SELECT DISTINCT c_last_name, c_first_name, d_date FROM web_sales, date_dim, customer
    WHERE ws_sold_date_sk = d_date_sk AND ws_bill_customer_sk = c_customer_sk) all_three LIMIT 50;

-- 39. Stocks that vary in one month and in the next
WITH inv AS (
    SELECT w_warehouse_sk AS w, i_item_sk AS i, d_moy AS m, spread, mean,
        CASE mean WHEN 0 THEN NULL ELSE spread / mean END AS cov
    FROM (SELECT w_warehouse_sk, i_item_sk, d_moy, stddev_samp(inv_quantity_on_hand) AS spread,
            avg(inv_quantity_on_hand) AS mean
        FROM inventory, item, warehouse, date_dim
        WHERE inv_item_sk = i_item_sk AND inv_warehouse_sk = w_warehouse_sk AND inv_date_sk = d_date_sk
        GROUP BY w_warehouse_sk, i_item_sk, d_moy) f
    WHERE CASE mean WHEN 0 THEN 0 ELSE spread / mean END > 1)
SELECT a.w, a.i, a.m, a.mean, a.cov, b.w, b.i, b.m, b.mean, b.cov FROM inv a, inv b
WHERE a.i = b.i AND a.w = b.w AND a.m = 1 AND b.m = 1 + 1 ORDER BY a.w, a.i, a.m, a.mean, a.cov, b.m;

-- 40. Catalogue sales less refunds before and after a day
SELECT w_state, i_item_id,
    sum(CASE WHEN d_date < DATE '2000-03-11' THEN cs_sales_price - coalesce(cr_refunded_cash, 0) ELSE 0 END) AS a,
    sum(CASE WHEN d_date >= DATE '2000-03-11' THEN cs_sales_price - coalesce(cr_refunded_cash, 0) ELSE 0 END) AS b
FROM catalog_sales LEFT OUTER JOIN catalog_returns
    ON (cs_order_number = cr_order_number AND cs_item_sk = cr_item_sk), warehouse, item, date_dim
WHERE i_current_price BETWEEN 0.99 AND 1.49 AND i_item_sk = cs_item_sk AND cs_warehouse_sk = w_warehouse_sk
    AND cs_sold_date_sk = d_date_sk
GROUP BY w_state, i_item_id ORDER BY w_state, i_item_id LIMIT 50;

-- 41. Products in some combinations of colour, unit and size
SELECT DISTINCT (i_product_name) FROM item i1
WHERE i_manufact_id BETWEEN 700 AND 740 AND (SELECT count(*) AS n FROM item
    WHERE (i_manufact = i1.i_manufact AND ((i_category = 'Women' AND (i_color = 'teal' OR i_color = 'navy')
            AND (i_units = 'Oz' OR i_units = 'Case') AND (i_size = 'small' OR i_size = 'petite'))
        OR (i_category = 'Men' AND (i_color = 'red' OR i_color = 'tan') AND i_units IN ('Ton', 'Each'))))
    OR (i_manufact = i1.i_manufact AND (i_category = 'Men' AND i_size = 'N/A'))) > 0
ORDER BY i_product_name LIMIT 50;

-- 42. Categories in a month
SELECT d.d_year, item.i_category_id, item.i_category, sum(ss_ext_sales_price)
FROM date_dim d, store_sales, item
WHERE d.d_date_sk = store_sales.ss_sold_date_sk AND store_sales.ss_item_sk = item.i_item_sk
    AND item.i_manager_id = 1 AND d.d_moy = 12 AND d.d_year = 1998
GROUP BY d.d_year, item.i_category_id, item.i_category
ORDER BY sum(ss_ext_sales_price) DESC, d.d_year, item.i_category_id, item.i_category LIMIT 50;

-- 43. Stores by day of the week, a column each
SELECT s_store_name, s_store_id,
    sum(CASE WHEN (d_day_name = 'Sunday') THEN ss_sales_price ELSE NULL END) AS sun_sales,
    sum(CASE WHEN (d_day_name = 'Wednesday') THEN ss_sales_price ELSE NULL END) AS wed_sales,
    sum(CASE WHEN (d_day_name = 'Saturday') THEN ss_sales_price ELSE NULL END) AS sat_sales
FROM date_dim, store_sales, store
WHERE d_date_sk = ss_sold_date_sk AND s_store_sk = ss_store_sk AND s_gmt_offset = -5 AND d_year = 2000
GROUP BY s_store_name, s_store_id ORDER BY s_store_name, s_store_id, sun_sales LIMIT 50;

-- 44. The best and the worst items of a store side by side: ranks in both directions
SELECT up.r, i1.i_product_name AS best, i2.i_product_name AS worst
FROM (SELECT * FROM (SELECT sk, rank() OVER (ORDER BY gain ASC) AS r
        FROM (SELECT ss_item_sk AS sk, avg(ss_net_profit) AS gain FROM store_sales s WHERE ss_store_sk = 4
            GROUP BY ss_item_sk HAVING avg(ss_net_profit) > 0.9 * (SELECT avg(ss_net_profit)
                FROM store_sales WHERE ss_store_sk = 4 AND ss_addr_sk IS NULL GROUP BY ss_store_sk)) v) w
    WHERE r < 11) up,
    (SELECT * FROM (SELECT sk, rank() OVER (ORDER BY gain DESC) AS r
        FROM (SELECT ss_item_sk AS sk, avg(ss_net_profit) AS gain FROM store_sales s WHERE ss_store_sk = 4
            GROUP BY ss_item_sk) v) w
    WHERE r < 11) down, item i1, item i2
WHERE up.r = down.r AND i1.i_item_sk = up.sk AND i2.i_item_sk = down.sk ORDER BY up.r LIMIT 50;

-- 45. Web sales by place, of some codes or some items
SELECT ca_zip, ca_city, sum(ws_sales_price) FROM web_sales, customer, customer_address, date_dim, item
WHERE ws_bill_customer_sk = c_customer_sk AND c_current_addr_sk = ca_address_sk AND ws_item_sk = i_item_sk
    AND (substr(ca_zip, 1, 5) IN ('12345', '23456') OR i_item_id IN (SELECT i_item_id FROM item
        WHERE i_item_sk IN (2, 3, 5, 7, 11, 13, 17)))
    AND ws_sold_date_sk = d_date_sk AND d_qoy = 2
GROUP BY ca_zip, ca_city ORDER BY ca_zip, ca_city LIMIT 50;

-- 46. Tickets of people who live elsewhere than they bought
SELECT c_last_name, c_first_name, ca_city, bought_city, ss_ticket_number, amount, profit
FROM (SELECT ss_ticket_number, ss_customer_sk, ca_city AS bought_city, sum(ss_coupon_amt) AS amount,
        sum(ss_net_profit) AS profit
    FROM store_sales, date_dim, store, household_demographics, customer_address
    WHERE ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND ss_hdemo_sk = hd_demo_sk
        AND ss_addr_sk = ca_address_sk AND (hd_dep_count = 4 OR hd_vehicle_count = 3) AND d_dow IN (6, 0)
    GROUP BY ss_ticket_number, ss_customer_sk, ss_addr_sk, ca_city) t, customer, customer_address now
WHERE ss_customer_sk = c_customer_sk AND customer.c_current_addr_sk = now.ca_address_sk
    AND now.ca_city <> bought_city
ORDER BY c_last_name, c_first_name, ca_city, bought_city, ss_ticket_number LIMIT 50;

-- 47. Months of a brand that differ from its year, with their neighbours: windows over aggregates
WITH v1 AS (
    SELECT i_category, i_brand, s_store_name, d_year, d_moy, sum(ss_sales_price) AS s,
        avg(sum(ss_sales_price)) OVER (PARTITION BY i_category, i_brand, s_store_name, d_year) AS mean,
        rank() OVER (PARTITION BY i_category, i_brand, s_store_name ORDER BY d_year, d_moy) AS rn
    FROM item, store_sales, date_dim, store
    WHERE ss_item_sk = i_item_sk AND ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk
        AND (d_year = 1999 OR (d_year = 1998 AND d_moy = 12) OR (d_year = 2000 AND d_moy = 1))
    GROUP BY i_category, i_brand, s_store_name, d_year, d_moy),
v2 AS (
    SELECT v1.*, before_it.s AS previous, after_it.s AS following FROM v1, v1 AS before_it, v1 AS after_it
    WHERE v1.i_category = before_it.i_category AND v1.i_category = after_it.i_category
        AND v1.i_brand = before_it.i_brand AND v1.i_brand = after_it.i_brand
        AND v1.rn = before_it.rn + 1 AND v1.rn = after_it.rn - 1)
SELECT * FROM v2 WHERE d_year = 1999 AND mean > 0
    AND CASE WHEN mean > 0 THEN abs(s - mean) / mean ELSE NULL END > 0.1
ORDER BY s - mean, s_store_name LIMIT 50;

-- 48. Pieces sold to alternatives of demography and address
SELECT sum(ss_quantity) FROM store_sales, store, customer_demographics, customer_address, date_dim
WHERE s_store_sk = ss_store_sk AND ss_sold_date_sk = d_date_sk AND d_year = 1998
    AND ((cd_demo_sk = ss_cdemo_sk AND cd_marital_status = 'M' AND cd_education_status = '4 yr Degree'
            AND ss_sales_price BETWEEN 100.00 AND 150.00)
        OR (cd_demo_sk = ss_cdemo_sk AND cd_marital_status = 'D' AND ss_sales_price BETWEEN 50 AND 100))
    AND ((ss_addr_sk = ca_address_sk AND ca_state IN ('KY', 'GA') AND ss_net_profit BETWEEN 0 AND 2000)
        OR (ss_addr_sk = ca_address_sk AND ca_state IN ('MT', 'OR') AND ss_net_profit > 150));

-- 49. The items with the worst ratios of returns in each channel
SELECT 'web' AS channel, web.item, web.ratio, web.by_return, web.by_currency
FROM (SELECT item, ratio, rank() OVER (ORDER BY ratio) AS by_return, rank() OVER (ORDER BY money) AS by_currency
    FROM (SELECT ws.ws_item_sk AS item,
            (CAST(sum(coalesce(wr.wr_return_quantity, 0)) AS DECIMAL(15, 4))
                / CAST(sum(coalesce(ws.ws_quantity, 0)) AS DECIMAL(15, 4))) AS ratio,
            (CAST(sum(coalesce(wr.wr_return_amt, 0)) AS DECIMAL(15, 4))
                / CAST(sum(coalesce(ws.ws_net_paid, 0)) AS DECIMAL(15, 4))) AS money
        FROM web_sales ws LEFT OUTER JOIN web_returns wr ON (ws.ws_order_number = wr.wr_order_number
            AND ws.ws_item_sk = wr.wr_item_sk), date_dim
        WHERE wr.wr_return_amt > 10000 AND ws_sold_date_sk = d_date_sk GROUP BY ws.ws_item_sk) x) web
WHERE web.by_return <= 10 OR web.by_currency <= 10
UNION
SELECT 'store', s.item, s.ratio, s.by_return, s.by_return
FROM (SELECT ss_item_sk AS item, sum(sr_return_quantity) / sum(ss_quantity) AS ratio,
        rank() OVER (ORDER BY sum(sr_return_quantity) / sum(ss_quantity)) AS by_return
    FROM store_sales LEFT JOIN store_returns ON ss_ticket_number = sr_ticket_number GROUP BY ss_item_sk) s
WHERE s.by_return <= 10 ORDER BY 1, 4, 5, 2 LIMIT 50;

-- 50. How long it takes until things are returned, in bands
SELECT s_store_name, s_city,
    sum(CASE WHEN (sr_returned_date_sk - ss_sold_date_sk <= 30) THEN 1 ELSE 0 END) AS "30 days",
    sum(CASE WHEN (sr_returned_date_sk - ss_sold_date_sk > 30) AND (sr_returned_date_sk - ss_sold_date_sk <= 60)
        THEN 1 ELSE 0 END) AS "31-60 days",
    sum(CASE WHEN (sr_returned_date_sk - ss_sold_date_sk > 60) THEN 1 ELSE 0 END) AS ">60 days"
FROM store_sales, store_returns, store, date_dim d2
WHERE d2.d_year = 2001 AND d2.d_moy = 8 AND ss_ticket_number = sr_ticket_number AND ss_item_sk = sr_item_sk
    AND sr_returned_date_sk = d2.d_date_sk AND ss_store_sk = s_store_sk
GROUP BY s_store_name, s_city ORDER BY s_store_name, s_city LIMIT 50;

-- 51. Running totals of two channels: windows over aggregates, a full join, a window over that
WITH w AS (
    SELECT ws_item_sk AS item_sk, d_date, sum(sum(ws_sales_price)) OVER (PARTITION BY ws_item_sk
        ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS cume
    FROM web_sales, date_dim WHERE ws_sold_date_sk = d_date_sk AND ws_item_sk IS NOT NULL
    GROUP BY ws_item_sk, d_date),
s AS (
    SELECT ss_item_sk AS item_sk, d_date, sum(sum(ss_sales_price)) OVER (PARTITION BY ss_item_sk
        ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS cume
    FROM store_sales, date_dim WHERE ss_sold_date_sk = d_date_sk GROUP BY ss_item_sk, d_date)
SELECT * FROM (
    SELECT item_sk, d_date, max(web) OVER (PARTITION BY item_sk ORDER BY d_date ROWS UNBOUNDED PRECEDING) AS wc,
        max(shop) OVER (PARTITION BY item_sk ORDER BY d_date ROWS UNBOUNDED PRECEDING) AS sc
    FROM (SELECT CASE WHEN w.item_sk IS NOT NULL THEN w.item_sk ELSE s.item_sk END AS item_sk,
            coalesce(w.d_date, s.d_date) AS d_date, w.cume AS web, s.cume AS shop
        FROM w FULL OUTER JOIN s ON (w.item_sk = s.item_sk AND w.d_date = s.d_date)) x) y
WHERE wc > sc ORDER BY item_sk, d_date LIMIT 50;

-- 52. Brands of a manager in a month
SELECT d_year, i_brand_id, i_brand, sum(ss_ext_sales_price) AS ext_price FROM date_dim, store_sales, item
WHERE d_date_sk = ss_sold_date_sk AND ss_item_sk = i_item_sk AND i_manager_id = 1 AND d_moy = 11
    AND d_year = 1999 GROUP BY d_year, i_brand, i_brand_id ORDER BY d_year, ext_price DESC, 2 LIMIT 50;

-- 53. Quarters of manufacturers that differ from their mean
SELECT * FROM (
    SELECT i_manufact_id, sum(ss_sales_price) AS s,
        avg(sum(ss_sales_price)) OVER (PARTITION BY i_manufact_id) AS mean
    FROM item, store_sales, date_dim, store
    WHERE ss_item_sk = i_item_sk AND ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk
        AND d_month_seq IN (1200, 1201, 1202, 1203, 1204, 1205)
        AND ((i_category IN ('Books', 'Children') AND i_class IN ('personal', 'portable'))
            OR (i_category IN ('Women', 'Music') AND i_brand IN ('amalgimporto #1', 'importoamalg #1')))
    GROUP BY i_manufact_id, d_qoy) x
WHERE CASE WHEN mean > 0 THEN abs(s - mean) / mean ELSE NULL END > 0.1
ORDER BY mean, s, i_manufact_id LIMIT 50;

-- 54. Customers by how much they spend in steps of fifty: unions, DISTINCT, BETWEEN of subqueries
WITH mine AS (
    SELECT DISTINCT c_customer_sk, c_current_addr_sk
    FROM (SELECT cs_sold_date_sk AS day, cs_bill_customer_sk AS who, cs_item_sk AS what FROM catalog_sales
        UNION ALL SELECT ws_sold_date_sk, ws_bill_customer_sk, ws_item_sk FROM web_sales) x,
        item, date_dim, customer
    WHERE day = d_date_sk AND what = i_item_sk AND i_category = 'Women' AND c_customer_sk = who),
revenue AS (
    SELECT c_customer_sk, sum(ss_ext_sales_price) AS r
    FROM mine, store_sales, customer_address, store, date_dim
    WHERE c_current_addr_sk = ca_address_sk AND ca_county = s_county AND ca_state = s_state
        AND ss_sold_date_sk = d_date_sk AND c_customer_sk = ss_customer_sk
        AND d_month_seq BETWEEN (SELECT DISTINCT d_month_seq + 1 FROM date_dim WHERE d_year = 1998 AND d_moy = 12)
            AND (SELECT DISTINCT d_month_seq + 3 FROM date_dim WHERE d_year = 1998 AND d_moy = 12)
    GROUP BY c_customer_sk)
SELECT segment, count(*) AS n, segment * 50 AS base FROM (SELECT CAST((r / 50) AS INT) AS segment FROM revenue) z
GROUP BY segment ORDER BY segment, n LIMIT 50;

-- 55. Brands of another manager in another month
SELECT i_brand_id AS brand_id, i_brand AS brand, sum(ss_ext_sales_price) AS ext_price
FROM date_dim JOIN store_sales ON d_date_sk = ss_sold_date_sk JOIN item ON ss_item_sk = i_item_sk
WHERE i_manager_id = 36 AND d_moy = 12 AND d_year = 2001
GROUP BY i_brand, i_brand_id ORDER BY ext_price DESC, i_brand_id LIMIT 50;

-- 56. Items of some colours over two channels
WITH ss AS (SELECT i_item_id, sum(ss_ext_sales_price) AS t FROM store_sales, item
    WHERE i_item_id IN (SELECT i_item_id FROM item WHERE i_color IN ('orchid', 'navy', 'teal'))
        AND ss_item_sk = i_item_sk GROUP BY i_item_id),
ws AS (SELECT i_item_id, sum(ws_ext_sales_price) AS t FROM web_sales, item
    WHERE i_item_id IN (SELECT i_item_id FROM item WHERE i_color IN ('orchid', 'navy', 'teal'))
        AND ws_item_sk = i_item_sk GROUP BY i_item_id)
SELECT i_item_id, sum(t) AS total FROM (SELECT * FROM ss UNION ALL SELECT * FROM ws) u
GROUP BY i_item_id ORDER BY total, i_item_id LIMIT 50;

-- 57. Months of call centres that differ from their year, with their neighbours
WITH v AS (
    SELECT i_category, i_brand, cc_name, d_year, d_moy, sum(cs_sales_price) AS s,
        avg(sum(cs_sales_price)) OVER (PARTITION BY i_category, i_brand, cc_name, d_year) AS mean,
        lag(sum(cs_sales_price)) OVER w AS previous, lead(sum(cs_sales_price)) OVER w AS following
    FROM item, catalog_sales, date_dim, call_center
    WHERE cs_item_sk = i_item_sk AND cs_sold_date_sk = d_date_sk AND cc_call_center_sk = cs_call_center_sk
    GROUP BY i_category, i_brand, cc_name, d_year, d_moy
    WINDOW w AS (PARTITION BY i_category, i_brand, cc_name ORDER BY d_year, d_moy))
SELECT * FROM v WHERE d_year = 1999 AND mean > 0 AND abs(s - mean) / mean > 0.1 ORDER BY s - mean, 3 LIMIT 50;

-- 58. Items that sell alike in all channels in a week: IN over a scalar subquery
WITH ss AS (SELECT i_item_id AS id, sum(ss_ext_sales_price) AS r FROM store_sales, item, date_dim
    WHERE ss_item_sk = i_item_sk AND d_date IN (SELECT d_date FROM date_dim
        WHERE d_week_seq = (SELECT d_week_seq FROM date_dim WHERE d_date = '2000-01-03'))
        AND ss_sold_date_sk = d_date_sk GROUP BY i_item_id),
ws AS (SELECT i_item_id AS id, sum(ws_ext_sales_price) AS r FROM web_sales, item, date_dim
    WHERE ws_item_sk = i_item_sk AND d_date IN (SELECT d_date FROM date_dim
        WHERE d_week_seq = (SELECT d_week_seq FROM date_dim WHERE d_date = '2000-01-03'))
        AND ws_sold_date_sk = d_date_sk GROUP BY i_item_id)
SELECT ss.id, ss.r, ss.r / ((ss.r + ws.r) / 2) * 100 AS ss_dev, ws.r, (ss.r + ws.r) / 2 AS average
FROM ss, ws WHERE ss.id = ws.id AND ss.r BETWEEN 0.9 * ws.r AND 1.1 * ws.r ORDER BY ss.id, ss.r LIMIT 50;

-- 59. Weeks of a store against those of the year before
WITH wss AS (
    SELECT d_week_seq, ss_store_sk, sum(CASE WHEN (d_day_name = 'Sunday') THEN ss_sales_price ELSE NULL END) AS sun,
        sum(CASE WHEN (d_day_name = 'Friday') THEN ss_sales_price ELSE NULL END) AS fri
    FROM store_sales, date_dim WHERE d_date_sk = ss_sold_date_sk GROUP BY d_week_seq, ss_store_sk)
SELECT name1, id1, week1, sun1 / sun2, fri1 / fri2
FROM (SELECT s_store_name AS name1, wss.d_week_seq AS week1, s_store_id AS id1, sun AS sun1, fri AS fri1
        FROM wss, store, date_dim d WHERE d.d_week_seq = wss.d_week_seq AND ss_store_sk = s_store_sk) y,
    (SELECT wss.d_week_seq AS week2, s_store_id AS id2, sun AS sun2, fri AS fri2
        FROM wss, store, date_dim d WHERE d.d_week_seq = wss.d_week_seq AND ss_store_sk = s_store_sk) x
WHERE id1 = id2 AND week1 = week2 - 52 ORDER BY name1, id1, week1 LIMIT 50;

-- 60. Items of a category over two channels
WITH ss AS (SELECT i_item_id, sum(ss_ext_sales_price) AS t FROM store_sales, date_dim, customer_address, item
    WHERE i_item_id IN (SELECT i_item_id FROM item WHERE i_category IN ('Music')) AND ss_item_sk = i_item_sk
        AND ss_sold_date_sk = d_date_sk AND ss_addr_sk = ca_address_sk AND ca_gmt_offset = -5 GROUP BY i_item_id),
cs AS (SELECT i_item_id, sum(cs_ext_sales_price) AS t FROM catalog_sales, item
    WHERE cs_item_sk = i_item_sk GROUP BY i_item_id)
SELECT i_item_id, sum(t) AS total FROM (TABLE ss UNION ALL TABLE cs) u GROUP BY i_item_id
ORDER BY i_item_id, total LIMIT 50;

-- 61. The share of sales under promotions: two subqueries divided
SELECT promotions, total, CAST(promotions AS DECIMAL(15, 4)) / CAST(total AS DECIMAL(15, 4)) * 100
FROM (SELECT sum(ss_ext_sales_price) AS promotions FROM store_sales, store, promotion, item
        WHERE ss_store_sk = s_store_sk AND ss_promo_sk = p_promo_sk AND ss_item_sk = i_item_sk
            AND (p_channel_dmail = 'Y' OR p_channel_email = 'Y' OR p_channel_tv = 'Y')) a,
    (SELECT sum(ss_ext_sales_price) AS total FROM store_sales, store, item
        WHERE ss_store_sk = s_store_sk AND ss_item_sk = i_item_sk AND i_category = 'Jewelry') b
ORDER BY promotions, total LIMIT 50;

-- 62. How long web orders take, in bands, by the start of the warehouse's name
SELECT substr(w_warehouse_name, 1, 20), sm_type, web_name,
    sum(CASE WHEN (ws_ship_date_sk - ws_sold_date_sk <= 30) THEN 1 ELSE 0 END) AS "30 days",
    sum(CASE WHEN (ws_ship_date_sk - ws_sold_date_sk > 30) THEN 1 ELSE 0 END) AS ">30 days"
FROM web_sales, warehouse, ship_mode, web_site, date_dim
WHERE d_month_seq BETWEEN 1200 AND 1200 + 11 AND ws_ship_date_sk = d_date_sk
    AND ws_warehouse_sk = w_warehouse_sk AND ws_ship_mode_sk = sm_ship_mode_sk AND ws_web_site_sk = web_site_sk
GROUP BY substr(w_warehouse_name, 1, 20), sm_type, web_name ORDER BY 1, 2, 3 LIMIT 50;

-- 63. Months of managers that differ from their mean
SELECT * FROM (SELECT i_manager_id, sum(ss_sales_price) AS s,
        avg(sum(ss_sales_price)) OVER (PARTITION BY i_manager_id) AS mean
    FROM item, store_sales, date_dim, store
    WHERE ss_item_sk = i_item_sk AND ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk
        AND (i_category IN ('Books') OR i_brand LIKE 'export%')
    GROUP BY i_manager_id, d_moy) x
WHERE CASE WHEN mean > 0 THEN abs(s - mean) / mean ELSE NULL END > 0.1 ORDER BY i_manager_id, mean, s LIMIT 50;

-- 64. Things sold again by catalogue after a return, in two years: very many joins, twice the same table
WITH refunds AS (
    SELECT cs_item_sk, sum(cs_ext_list_price) AS sale, sum(cr_refunded_cash + cr_store_credit) AS refund
    FROM catalog_sales, catalog_returns
    WHERE cs_item_sk = cr_item_sk AND cs_order_number = cr_order_number
    GROUP BY cs_item_sk HAVING sum(cs_ext_list_price) > 2 * sum(cr_refunded_cash + cr_store_credit)),
crossed AS (
    SELECT i_product_name AS product, i_item_sk AS sk, s_store_name AS shop, s_zip AS zip, d1.d_year AS y,
        count(*) AS n, sum(ss_wholesale_cost) AS s1, sum(ss_list_price) AS s2
    FROM store_sales, store_returns, refunds, date_dim d1, date_dim d2, date_dim d3, store, customer,
        customer_demographics cd1, customer_demographics cd2, promotion, household_demographics hd1,
        household_demographics hd2, customer_address ad1, customer_address ad2, income_band ib1,
        income_band ib2, item
    WHERE ss_store_sk = s_store_sk AND ss_sold_date_sk = d1.d_date_sk AND ss_customer_sk = c_customer_sk
        AND ss_cdemo_sk = cd1.cd_demo_sk AND ss_hdemo_sk = hd1.hd_demo_sk AND ss_addr_sk = ad1.ca_address_sk
        AND ss_item_sk = i_item_sk AND ss_item_sk = sr_item_sk AND ss_ticket_number = sr_ticket_number
        AND ss_item_sk = refunds.cs_item_sk AND c_current_cdemo_sk = cd2.cd_demo_sk
        AND c_current_hdemo_sk = hd2.hd_demo_sk AND c_current_addr_sk = ad2.ca_address_sk
        AND c_first_sales_date_sk = d2.d_date_sk AND c_first_shipto_date_sk = d3.d_date_sk
        AND ss_promo_sk = p_promo_sk AND hd1.hd_income_band_sk = ib1.ib_income_band_sk
        AND hd2.hd_income_band_sk = ib2.ib_income_band_sk AND cd1.cd_marital_status <> cd2.cd_marital_status
        AND i_color IN ('tan', 'puff', 'chiffon')
    GROUP BY i_product_name, i_item_sk, s_store_name, s_zip, d1.d_year)
SELECT a.product, a.shop, a.zip, a.y, a.n, a.s1, b.s1, b.y, b.n FROM crossed a, crossed b
WHERE a.sk = b.sk AND a.y = 1999 AND b.y = 1999 + 1 AND b.n <= a.n AND a.shop = b.shop AND a.zip = b.zip
ORDER BY a.product, a.shop, b.n, a.s1, b.s1;

-- 65. Items that earn a store a tenth of its average
SELECT s_store_name, i_item_desc, sc.revenue, i_current_price, i_wholesale_cost, i_brand
FROM store, item,
    (SELECT ss_store_sk, avg(revenue) AS ave FROM (SELECT ss_store_sk, ss_item_sk, sum(ss_sales_price) AS revenue
        FROM store_sales, date_dim WHERE ss_sold_date_sk = d_date_sk AND d_month_seq BETWEEN 1176 AND 1187
        GROUP BY ss_store_sk, ss_item_sk) sa GROUP BY ss_store_sk) sb,
    (SELECT ss_store_sk, ss_item_sk, sum(ss_sales_price) AS revenue FROM store_sales
        GROUP BY ss_store_sk, ss_item_sk) sc
WHERE sb.ss_store_sk = sc.ss_store_sk AND sc.revenue <= 0.1 * sb.ave AND s_store_sk = sc.ss_store_sk
    AND i_item_sk = sc.ss_item_sk ORDER BY s_store_name, i_item_desc LIMIT 50;

-- 66. Warehouses by month over two channels, a column for each month
SELECT w_warehouse_name, w_warehouse_sq_ft, w_city, carriers, y, sum(jan) AS jan, sum(feb) AS feb,
    sum(jan / w_warehouse_sq_ft) AS jan_by_foot
FROM (
    SELECT w_warehouse_name, w_warehouse_sq_ft, w_city, 'DHL' || ',' || 'UPS' AS carriers, d_year AS y,
        sum(CASE WHEN d_moy = 1 THEN ws_ext_sales_price * ws_quantity ELSE 0 END) AS jan,
        sum(CASE WHEN d_moy = 2 THEN ws_ext_sales_price * ws_quantity ELSE 0 END) AS feb
    FROM web_sales, warehouse, date_dim, time_dim, ship_mode
    WHERE ws_warehouse_sk = w_warehouse_sk AND ws_sold_date_sk = d_date_sk AND ws_sold_time_sk = t_time_sk
        AND ws_ship_mode_sk = sm_ship_mode_sk AND t_time BETWEEN 30838 AND 30838 + 28800
        AND sm_carrier IN ('DHL', 'UPS')
    GROUP BY w_warehouse_name, w_warehouse_sq_ft, w_city, d_year
    UNION ALL
    SELECT w_warehouse_name, w_warehouse_sq_ft, w_city, 'DHL' || ',' || 'UPS', d_year,
        sum(CASE WHEN d_moy = 1 THEN cs_sales_price * cs_quantity ELSE 0 END),
        sum(CASE WHEN d_moy = 2 THEN cs_sales_price * cs_quantity ELSE 0 END)
    FROM catalog_sales, warehouse, date_dim WHERE cs_warehouse_sk = w_warehouse_sk AND cs_sold_date_sk = d_date_sk
    GROUP BY w_warehouse_name, w_warehouse_sq_ft, w_city, d_year) x
GROUP BY w_warehouse_name, w_warehouse_sq_ft, w_city, carriers, y ORDER BY w_warehouse_name LIMIT 50;

-- 67. The first of each category among subtotals of eight levels
SELECT * FROM (
    SELECT i_category, i_class, i_brand, i_product_name, d_year, d_qoy, d_moy, s_store_id, s,
        rank() OVER (PARTITION BY i_category ORDER BY s DESC) AS rk
    FROM (SELECT i_category, i_class, i_brand, i_product_name, d_year, d_qoy, d_moy, s_store_id,
            sum(coalesce(ss_sales_price * ss_quantity, 0)) AS s
        FROM store_sales, date_dim, store, item
        WHERE ss_sold_date_sk = d_date_sk AND ss_item_sk = i_item_sk AND ss_store_sk = s_store_sk
        GROUP BY ROLLUP (i_category, i_class, i_brand, i_product_name, d_year, d_qoy, d_moy, s_store_id)) a) b
WHERE rk <= 100 ORDER BY i_category, i_class, i_brand, i_product_name, d_year, d_qoy, d_moy, 8, s, rk LIMIT 50;

-- 68. Tickets of households in two cities, of people who live elsewhere
SELECT c_last_name, c_first_name, ca_city, bought_city, ss_ticket_number, price, tax
FROM (SELECT ss_ticket_number, ss_customer_sk, ca_city AS bought_city, sum(ss_ext_sales_price) AS price,
        sum(ss_ext_list_price) AS listed, sum(ss_ext_tax) AS tax
    FROM store_sales, date_dim, store, household_demographics, customer_address
    WHERE ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND ss_hdemo_sk = hd_demo_sk
        AND ss_addr_sk = ca_address_sk AND d_dom BETWEEN 1 AND 2 AND s_city IN ('Midway', 'Fairview')
    GROUP BY ss_ticket_number, ss_customer_sk, ss_addr_sk, ca_city) dn, customer, customer_address now
WHERE ss_customer_sk = c_customer_sk AND c_current_addr_sk = now.ca_address_sk AND now.ca_city <> bought_city
ORDER BY c_last_name, ss_ticket_number LIMIT 50;

-- 69. Demographics of customers of stores alone: NOT EXISTS twice
SELECT cd_gender, cd_credit_rating, count(*) AS n FROM customer c, customer_address ca, customer_demographics
WHERE c.c_current_addr_sk = ca.ca_address_sk AND ca_state IN ('KY', 'GA', 'NM') AND cd_demo_sk = c.c_current_cdemo_sk
    AND EXISTS (SELECT 1 FROM store_sales WHERE c.c_customer_sk = ss_customer_sk)
    AND (NOT EXISTS (SELECT 1 FROM web_sales WHERE c.c_customer_sk = ws_bill_customer_sk)
        AND NOT EXISTS (SELECT 1 FROM catalog_sales WHERE c.c_customer_sk = cs_ship_customer_sk))
GROUP BY cd_gender, cd_credit_rating ORDER BY cd_gender, cd_credit_rating LIMIT 50;

-- 70. Profit of counties within the five best states, ranked within each level
SELECT sum(ss_net_profit) AS total, s_state, s_county, grouping(s_state) + grouping(s_county) AS level,
    rank() OVER (PARTITION BY grouping(s_state) + grouping(s_county),
        CASE WHEN grouping(s_county) = 0 THEN s_state END ORDER BY sum(ss_net_profit) DESC) AS r
FROM store_sales, date_dim d1, store
WHERE d1.d_month_seq BETWEEN 1200 AND 1211 AND d1.d_date_sk = ss_sold_date_sk AND s_store_sk = ss_store_sk
    AND s_state IN (SELECT s_state FROM (SELECT s_state AS s_state,
            rank() OVER (PARTITION BY s_state ORDER BY sum(ss_net_profit) DESC) AS ranking
        FROM store_sales, store WHERE s_store_sk = ss_store_sk GROUP BY s_state) t WHERE ranking <= 5)
GROUP BY ROLLUP (s_state, s_county)
ORDER BY level DESC, CASE WHEN level = 0 THEN s_state END, r LIMIT 50;

-- 71. Brands sold at meal times over all channels
SELECT i_brand_id AS brand_id, i_brand AS brand, t_hour, t_minute, sum(price) AS p
FROM item, (
    SELECT ws_ext_sales_price AS price, ws_item_sk AS what, ws_sold_time_sk AS moment FROM web_sales, date_dim
    WHERE d_date_sk = ws_sold_date_sk AND d_moy = 11
    UNION ALL SELECT cs_ext_sales_price, cs_item_sk, cs_sold_time_sk FROM catalog_sales, date_dim
    WHERE d_date_sk = cs_sold_date_sk AND d_moy = 11
    UNION ALL SELECT ss_ext_sales_price, ss_item_sk, ss_sold_time_sk FROM store_sales, date_dim
    WHERE d_date_sk = ss_sold_date_sk AND d_moy = 11) AS x, time_dim
WHERE what = i_item_sk AND i_manager_id = 1 AND moment = t_time_sk AND (t_meal_time = 'breakfast' OR t_meal_time = 'dinner')
GROUP BY i_brand, i_brand_id, t_hour, t_minute ORDER BY p DESC, i_brand_id;

-- 72. Catalogue orders that the stock could not serve: outer joins after inner ones
SELECT i_item_desc, w_warehouse_name, d1.d_week_seq, sum(CASE WHEN p_promo_sk IS NULL THEN 1 ELSE 0 END) AS no_promo,
    sum(CASE WHEN p_promo_sk IS NOT NULL THEN 1 ELSE 0 END) AS promo, count(*) AS n
FROM catalog_sales
    JOIN inventory ON (cs_item_sk = inv_item_sk)
    JOIN warehouse ON (w_warehouse_sk = inv_warehouse_sk)
    JOIN item ON (i_item_sk = cs_item_sk)
    JOIN household_demographics ON (cs_bill_hdemo_sk = hd_demo_sk)
    JOIN date_dim d1 ON (cs_sold_date_sk = d1.d_date_sk)
    JOIN date_dim d2 ON (inv_date_sk = d2.d_date_sk)
    JOIN date_dim d3 ON (cs_ship_date_sk = d3.d_date_sk)
    LEFT OUTER JOIN promotion ON (cs_promo_sk = p_promo_sk)
    LEFT OUTER JOIN catalog_returns ON (cr_item_sk = cs_item_sk AND cr_order_number = cs_order_number)
WHERE d1.d_week_seq = d2.d_week_seq AND inv_quantity_on_hand < cs_quantity AND d3.d_date > d1.d_date + 5
    AND hd_buy_potential = '>10000'
GROUP BY i_item_desc, w_warehouse_name, d1.d_week_seq ORDER BY n DESC, 1, 2, d_week_seq LIMIT 50;

-- 73. Customers with few things on one ticket
SELECT c_last_name, c_first_name, ss_ticket_number, n FROM (
    SELECT ss_ticket_number, ss_customer_sk, count(*) AS n FROM store_sales, date_dim, store, household_demographics
    WHERE ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND ss_hdemo_sk = hd_demo_sk
        AND (hd_buy_potential = '>10000' OR hd_buy_potential = 'Unknown') AND hd_vehicle_count > 0
        AND CASE WHEN hd_vehicle_count > 0 THEN hd_dep_count / hd_vehicle_count ELSE NULL END > 1
    GROUP BY ss_ticket_number, ss_customer_sk) dj, customer
WHERE ss_customer_sk = c_customer_sk AND n BETWEEN 1 AND 5 ORDER BY n DESC, c_last_name ASC;

-- 74. Customers whose web payments grow faster, by another aggregate
WITH t AS (
    SELECT c_customer_id AS id, d_year AS y, stddev_samp(ss_net_paid) AS v, 's' AS k FROM customer, store_sales, date_dim
    WHERE c_customer_sk = ss_customer_sk AND ss_sold_date_sk = d_date_sk AND d_year IN (2001, 2002) GROUP BY 1, 2
    UNION ALL
    SELECT c_customer_id, d_year, stddev_samp(ws_net_paid), 'w' FROM customer, web_sales, date_dim
    WHERE c_customer_sk = ws_bill_customer_sk AND ws_sold_date_sk = d_date_sk GROUP BY 1, 2)
SELECT b.id FROM t a, t b, t c, t d
WHERE b.id = a.id AND a.id = c.id AND a.id = d.id AND a.k = 's' AND c.k = 'w' AND b.k = 's' AND d.k = 'w'
    AND a.y = 2001 AND b.y = 2002 AND c.y = 2001 AND d.y = 2002 AND a.v > 0 AND c.v > 0
    AND CASE WHEN c.v > 0 THEN d.v / c.v END > CASE WHEN a.v > 0 THEN b.v / a.v END
ORDER BY 1 LIMIT 50;

-- 75. Things whose sales less returns fell within a year: UNION without ALL over outer joins
WITH sales AS (
    SELECT d_year, i_brand_id, sum(n) AS n, sum(amount) AS amount FROM (
        SELECT d_year, i_brand_id, cs_quantity - coalesce(cr_return_quantity, 0) AS n,
            cs_ext_sales_price - coalesce(cr_return_amount, 0.0) AS amount
        FROM catalog_sales JOIN item ON i_item_sk = cs_item_sk JOIN date_dim ON d_date_sk = cs_sold_date_sk
            LEFT JOIN catalog_returns ON (cs_order_number = cr_order_number AND cs_item_sk = cr_item_sk)
        UNION
        SELECT d_year, i_brand_id, ss_quantity - coalesce(sr_return_quantity, 0),
            ss_ext_sales_price - coalesce(sr_return_amt, 0.0)
        FROM store_sales JOIN item ON i_item_sk = ss_item_sk JOIN date_dim ON d_date_sk = ss_sold_date_sk
            LEFT JOIN store_returns ON (ss_ticket_number = sr_ticket_number AND ss_item_sk = sr_item_sk)) d
    GROUP BY d_year, i_brand_id)
SELECT p.d_year AS prev_year, c.d_year AS this_year, c.i_brand_id, c.n - p.n AS diff, c.amount - p.amount
FROM sales c, sales p WHERE c.i_brand_id = p.i_brand_id AND c.d_year = 2002 AND p.d_year = 2002 - 1
    AND CAST(c.n AS DECIMAL(17, 2)) / CAST(p.n AS DECIMAL(17, 2)) < 0.9 ORDER BY diff LIMIT 50;

-- 76. Sales that lack a key, by channel
SELECT channel, col_name, d_year, d_qoy, i_category, count(*) AS n, sum(price) AS p FROM (
    SELECT 'store' AS channel, 'ss_addr_sk' AS col_name, d_year, d_qoy, i_category, ss_ext_sales_price AS price
    FROM store_sales, item, date_dim WHERE ss_addr_sk IS NULL AND ss_sold_date_sk = d_date_sk AND ss_item_sk = i_item_sk
    UNION ALL
    SELECT 'web', 'ws_web_page_sk', d_year, d_qoy, i_category, ws_ext_sales_price
    FROM web_sales, item, date_dim WHERE ws_web_page_sk IS NULL AND ws_sold_date_sk = d_date_sk AND ws_item_sk = i_item_sk) foo
GROUP BY channel, col_name, d_year, d_qoy, i_category ORDER BY channel, col_name, d_year, d_qoy, i_category LIMIT 50;

-- 77. Sales and returns of channels, each for itself, joined, with subtotals
WITH ss AS (SELECT s_store_sk, sum(ss_ext_sales_price) AS sales, sum(ss_net_profit) AS profit FROM store_sales, store
    WHERE ss_store_sk = s_store_sk GROUP BY s_store_sk),
sr AS (SELECT s_store_sk, sum(sr_return_amt) AS back, sum(sr_net_loss) AS loss FROM store_returns, store
    WHERE sr_store_sk = s_store_sk GROUP BY s_store_sk),
cs AS (SELECT cs_call_center_sk, sum(cs_ext_sales_price) AS sales FROM catalog_sales GROUP BY cs_call_center_sk),
cr AS (SELECT sum(cr_return_amount) AS back FROM catalog_returns)
SELECT channel, id, sum(sales) AS sales, sum(back) AS back FROM (
    SELECT 'store' AS channel, ss.s_store_sk AS id, sales, coalesce(back, 0) AS back
    FROM ss LEFT JOIN sr ON ss.s_store_sk = sr.s_store_sk
    UNION ALL SELECT 'catalog', cs_call_center_sk, sales, back FROM cs, cr) x
GROUP BY ROLLUP (channel, id) ORDER BY channel, id LIMIT 50;

-- 78. Things that were never returned, ratio of two channels
WITH ws AS (SELECT d_year AS y, ws_item_sk AS i, ws_bill_customer_sk AS c, sum(ws_quantity) AS q FROM web_sales
        LEFT JOIN web_returns ON wr_order_number = ws_order_number AND ws_item_sk = wr_item_sk
        JOIN date_dim ON ws_sold_date_sk = d_date_sk
    WHERE wr_order_number IS NULL GROUP BY d_year, ws_item_sk, ws_bill_customer_sk),
ss AS (SELECT d_year AS y, ss_item_sk AS i, ss_customer_sk AS c, sum(ss_quantity) AS q FROM store_sales
        LEFT JOIN store_returns ON sr_ticket_number = ss_ticket_number AND ss_item_sk = sr_item_sk
        JOIN date_dim ON ss_sold_date_sk = d_date_sk
    WHERE sr_ticket_number IS NULL GROUP BY d_year, ss_item_sk, ss_customer_sk)
SELECT ss.y, ss.i, ss.c, round(ss.q / (coalesce(ws.q, 0)), 2) AS ratio
FROM ss LEFT JOIN ws ON (ws.y = ss.y AND ws.i = ss.i AND ws.c = ss.c)
WHERE (coalesce(ws.q, 0) > 0) AND ss.y = 2000 ORDER BY ss.y, ss.i, ss.c, ratio LIMIT 50;

-- 79. Tickets of Mondays in middling stores
SELECT c_last_name, c_first_name, substr(s_city, 1, 30), ss_ticket_number, amt, profit FROM (
    SELECT ss_ticket_number, ss_customer_sk, store.s_city, sum(ss_coupon_amt) AS amt, sum(ss_net_profit) AS profit
    FROM store_sales, date_dim, store, household_demographics
    WHERE ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND ss_hdemo_sk = hd_demo_sk
        AND d_dow = 1 AND s_number_employees BETWEEN 200 AND 295
    GROUP BY ss_ticket_number, ss_customer_sk, ss_addr_sk, store.s_city) ms, customer
WHERE ss_customer_sk = c_customer_sk ORDER BY c_last_name, c_first_name, substr(s_city, 1, 30), profit LIMIT 50;

-- 80. Sales, returns and profit of promoted things by channel
WITH ssr AS (SELECT s_store_id AS id, sum(ss_ext_sales_price) AS sales, sum(coalesce(sr_return_amt, 0)) AS back
    FROM store_sales LEFT OUTER JOIN store_returns ON (ss_item_sk = sr_item_sk AND ss_ticket_number = sr_ticket_number),
        store, promotion WHERE ss_store_sk = s_store_sk AND ss_promo_sk = p_promo_sk AND p_channel_tv = 'N' GROUP BY s_store_id),
csr AS (SELECT cp_catalog_page_id AS id, sum(cs_ext_sales_price) AS sales, sum(coalesce(cr_return_amount, 0)) AS back
    FROM catalog_sales LEFT OUTER JOIN catalog_returns ON (cs_item_sk = cr_item_sk AND cs_order_number = cr_order_number),
        catalog_page WHERE cs_catalog_page_sk = cp_catalog_page_sk GROUP BY cp_catalog_page_id)
SELECT channel, id, sum(sales), sum(back) FROM (
    SELECT 'store channel' AS channel, 'store' || id AS id, sales, back FROM ssr
    UNION ALL SELECT 'catalog channel', 'catalog_page' || id, sales, back FROM csr) x
GROUP BY ROLLUP (channel, id) ORDER BY channel, id LIMIT 50;

-- 81. Customers who returned more by catalogue than others of their state
WITH ctr AS (SELECT cr_returning_customer_sk AS who, ca_state AS state, sum(cr_return_amt_inc_tax) AS amount
    FROM catalog_returns, date_dim, customer_address
    WHERE cr_returned_date_sk = d_date_sk AND cr_returning_addr_sk = ca_address_sk GROUP BY 1, 2)
SELECT c_customer_id, c_salutation, ca_street_number, ca_street_name, ca_location_type, amount
FROM ctr c1 JOIN customer ON c1.who = c_customer_sk JOIN customer_address ON ca_address_sk = c_current_addr_sk
WHERE c1.amount > (SELECT avg(amount) * 1.2 FROM ctr c2 WHERE c1.state = c2.state) AND ca_state = 'GA'
ORDER BY 1, 2, 3, 4, 5, 6 LIMIT 50;

-- 82. Items of some makers with a middling stock that stores sell
SELECT i_item_id, i_item_desc, i_current_price FROM item, inventory, date_dim, store_sales
WHERE i_current_price BETWEEN 62 AND 62 + 30 AND inv_item_sk = i_item_sk AND d_date_sk = inv_date_sk
    AND d_date BETWEEN CAST('2000-05-25' AS DATE) AND (CAST('2000-05-25' AS DATE) + INTERVAL 60 DAY)
    AND i_manufact_id IN (129, 270, 821) AND ss_item_sk = i_item_sk
GROUP BY ALL ORDER BY i_item_id LIMIT 50;

-- 83. Items returned in all channels in the same weeks
WITH sr AS (SELECT i_item_id AS id, sum(sr_return_quantity) AS q FROM store_returns, item, date_dim
    WHERE sr_item_sk = i_item_sk AND d_date IN (SELECT d_date FROM date_dim WHERE d_week_seq IN (
        SELECT d_week_seq FROM date_dim WHERE d_date IN ('2000-06-30', '2000-09-27', '2000-11-17')))
        AND sr_returned_date_sk = d_date_sk GROUP BY i_item_id),
wr AS (SELECT i_item_id AS id, sum(wr_return_quantity) AS q FROM web_returns, item, date_dim
    WHERE wr_item_sk = i_item_sk AND wr_returned_date_sk = d_date_sk GROUP BY i_item_id)
SELECT sr.id, sr.q, sr.q / (sr.q + wr.q) / 2.0 * 100 AS dev, wr.q, (sr.q + wr.q) / 2.0 AS average
FROM sr, wr WHERE sr.id = wr.id ORDER BY sr.id, sr.q LIMIT 50;

-- 84. Names of customers in a band of income
SELECT c_customer_id AS id, coalesce(c_last_name, '') || ', ' || coalesce(c_first_name, '') AS name
FROM customer, customer_address, customer_demographics, household_demographics, income_band, store_returns
WHERE ca_city = 'Edgewood' AND c_current_addr_sk = ca_address_sk AND ib_lower_bound >= 38128
    AND ib_upper_bound <= 38128 + 50000 AND ib_income_band_sk = hd_income_band_sk AND cd_demo_sk = c_current_cdemo_sk
    AND hd_demo_sk = c_current_hdemo_sk AND sr_cdemo_sk = cd_demo_sk ORDER BY c_customer_id LIMIT 50;

-- 85. Reasons of web returns, with alternatives of demography and address
SELECT substr(r_reason_desc, 1, 20), avg(ws_quantity), avg(wr_refunded_cash), avg(wr_fee)
FROM web_sales, web_returns, web_page, customer_demographics cd1, customer_demographics cd2, customer_address, reason
WHERE ws_web_page_sk = wp_web_page_sk AND ws_item_sk = wr_item_sk AND ws_order_number = wr_order_number
    AND cd1.cd_demo_sk = wr_refunded_cdemo_sk AND cd2.cd_demo_sk = wr_returning_cdemo_sk
    AND ca_address_sk = wr_refunded_addr_sk AND r_reason_sk = wr_reason_sk
    AND ((cd1.cd_marital_status = 'M' AND cd1.cd_marital_status = cd2.cd_marital_status
            AND ws_sales_price BETWEEN 100.00 AND 150.00)
        OR (cd1.cd_education_status = 'College' AND ws_sales_price BETWEEN 50.00 AND 100.00))
    AND ((ca_country = 'United States' AND ca_state IN ('IN', 'OH')) OR ws_net_profit > 50)
GROUP BY r_reason_desc ORDER BY 1, 2, 3, 4 LIMIT 50;

-- 86. Web sales ranked within each level of subtotals
SELECT sum(ws_net_paid) AS total, i_category, i_class, grouping(i_category) + grouping(i_class) AS level,
    rank() OVER (PARTITION BY grouping(i_category) + grouping(i_class),
        CASE WHEN grouping(i_class) = 0 THEN i_category END ORDER BY sum(ws_net_paid) DESC) AS r
FROM web_sales, date_dim d1, item
WHERE d1.d_month_seq BETWEEN 1200 AND 1211 AND d1.d_date_sk = ws_sold_date_sk AND i_item_sk = ws_item_sk
GROUP BY ROLLUP (i_category, i_class) ORDER BY level DESC, CASE WHEN level = 0 THEN i_category END, r LIMIT 50;

-- 87. How many customers bought on a day in stores and in no other channel
SELECT count(*) FROM (
    (SELECT DISTINCT c_last_name, c_first_name, d_date FROM store_sales, date_dim, customer
        WHERE ss_sold_date_sk = d_date_sk AND ss_customer_sk = c_customer_sk)
    EXCEPT
    (SELECT DISTINCT c_last_name, c_first_name, d_date FROM catalog_sales, date_dim, customer
        WHERE cs_sold_date_sk = d_date_sk AND cs_bill_customer_sk = c_customer_sk)
    EXCEPT
    (SELECT DISTINCT c_last_name, c_first_name, d_date FROM web_sales, date_dim, customer
        WHERE ws_sold_date_sk = d_date_sk AND ws_bill_customer_sk = c_customer_sk)) cool_cust;

-- 88. Counts of half hours side by side
SELECT * FROM
    (SELECT count(*) AS h8_30 FROM store_sales, household_demographics, time_dim, store
        WHERE ss_sold_time_sk = t_time_sk AND ss_hdemo_sk = hd_demo_sk AND ss_store_sk = s_store_sk AND t_hour = 8
            AND t_minute >= 30 AND ((hd_dep_count = 3 AND hd_vehicle_count <= 3 + 2) OR (hd_dep_count = 0))) s1,
    (SELECT count(*) AS h9 FROM store_sales, time_dim WHERE ss_sold_time_sk = t_time_sk AND t_hour = 9 AND t_minute < 30) s2,
    (SELECT count(*) AS h9_30 FROM store_sales, time_dim WHERE ss_sold_time_sk = t_time_sk AND t_hour = 9 AND t_minute >= 30) s3;

-- 89. Months of classes that differ from their mean
SELECT * FROM (
    SELECT i_category, i_class, i_brand, s_store_name, s_company_name, d_moy, sum(ss_sales_price) AS s,
        avg(sum(ss_sales_price)) OVER (PARTITION BY i_category, i_brand, s_store_name, s_company_name) AS mean
    FROM item, store_sales, date_dim, store
    WHERE ss_item_sk = i_item_sk AND ss_sold_date_sk = d_date_sk AND ss_store_sk = s_store_sk AND d_year IN (2000)
        AND ((i_category IN ('Home', 'Books') AND i_class IN ('wallpaper')) OR (i_category IN ('Shoes')))
    GROUP BY i_category, i_class, i_brand, s_store_name, s_company_name, d_moy) t
WHERE CASE WHEN (mean <> 0) THEN (abs(s - mean) / mean) ELSE NULL END > 0.1 ORDER BY s - mean, s_store_name LIMIT 50;

-- 90. The ratio of morning to evening orders on the web
SELECT CAST(am AS DECIMAL(15, 4)) / CAST(pm AS DECIMAL(15, 4)) AS am_pm
FROM (SELECT count(*) AS am FROM web_sales, time_dim, web_page WHERE ws_sold_time_sk = t_time_sk
        AND ws_web_page_sk = wp_web_page_sk AND t_hour BETWEEN 8 AND 8 + 1 AND wp_char_count BETWEEN 5000 AND 5200) a,
    (SELECT count(*) AS pm FROM web_sales, time_dim WHERE ws_sold_time_sk = t_time_sk AND t_hour BETWEEN 19 AND 20) p
ORDER BY am_pm LIMIT 50;

-- 91. Returns by call centre and demography
SELECT cc_call_center_id AS call_center, cc_name AS name, cc_manager AS manager, sum(cr_net_loss) AS loss
FROM call_center, catalog_returns, date_dim, customer, customer_address, customer_demographics, household_demographics
WHERE cr_call_center_sk = cc_call_center_sk AND cr_returned_date_sk = d_date_sk AND cr_returning_customer_sk = c_customer_sk
    AND cd_demo_sk = c_current_cdemo_sk AND hd_demo_sk = c_current_hdemo_sk AND ca_address_sk = c_current_addr_sk
    AND ((cd_marital_status = 'M' AND cd_education_status = 'Unknown')
        OR (cd_marital_status = 'W' AND cd_education_status = 'Advanced Degree'))
    AND hd_buy_potential LIKE 'Unknown%' AND ca_gmt_offset = -7
GROUP BY cc_call_center_id, cc_name, cc_manager, cd_marital_status, cd_education_status ORDER BY sum(cr_net_loss) DESC;

-- 92. Discounts on the web far above the average of the item
SELECT sum(ws_ext_discount_amt) AS "Excess Discount Amount" FROM web_sales, item, date_dim
WHERE i_manufact_id = 350 AND i_item_sk = ws_item_sk AND d_date_sk = ws_sold_date_sk
    AND ws_ext_discount_amt > (SELECT 1.3 * avg(ws_ext_discount_amt) FROM web_sales, date_dim
        WHERE ws_item_sk = i_item_sk AND d_date BETWEEN '2000-01-27' AND CAST('2000-04-26' AS DATE)
            AND d_date_sk = ws_sold_date_sk)
ORDER BY sum(ws_ext_discount_amt) LIMIT 50;

-- 93. What customers really bought, less returns of a reason
SELECT ss_customer_sk, sum(act_sales) AS sumsales FROM (
    SELECT ss_item_sk, ss_ticket_number, ss_customer_sk, CASE WHEN sr_return_quantity IS NOT NULL
        THEN (ss_quantity - sr_return_quantity) * ss_sales_price ELSE (ss_quantity * ss_sales_price) END AS act_sales
    FROM store_sales LEFT OUTER JOIN store_returns ON (sr_item_sk = ss_item_sk AND sr_ticket_number = ss_ticket_number),
        reason
    WHERE sr_reason_sk = r_reason_sk AND r_reason_desc = 'reason 28') t
GROUP BY ss_customer_sk ORDER BY sumsales, ss_customer_sk LIMIT 50;

-- 94. Web orders that were sent from several warehouses and not returned
SELECT count(DISTINCT ws_order_number) AS n, sum(ws_ext_ship_cost) AS shipping, sum(ws_net_profit) AS profit
FROM web_sales ws1, date_dim, customer_address, web_site
WHERE d_date BETWEEN '1999-02-01' AND DATE '1999-04-02' AND ws1.ws_ship_date_sk = d_date_sk
    AND ws1.ws_ship_addr_sk = ca_address_sk AND ca_state = 'IL' AND ws1.ws_web_site_sk = web_site_sk
    AND EXISTS (SELECT * FROM web_sales ws2 WHERE ws1.ws_order_number = ws2.ws_order_number
        AND ws1.ws_warehouse_sk <> ws2.ws_warehouse_sk)
    AND NOT EXISTS (SELECT * FROM web_returns wr1 WHERE ws1.ws_order_number = wr1.wr_order_number)
ORDER BY count(DISTINCT ws_order_number) LIMIT 50;

-- 95. The same where they were returned, by an expression that joins a table with itself
WITH ws_wh AS (SELECT ws1.ws_order_number, ws1.ws_warehouse_sk AS wh1, ws2.ws_warehouse_sk AS wh2
    FROM web_sales ws1, web_sales ws2 WHERE ws1.ws_order_number = ws2.ws_order_number
        AND ws1.ws_warehouse_sk <> ws2.ws_warehouse_sk)
SELECT count(DISTINCT ws_order_number) AS n, sum(ws_ext_ship_cost) AS shipping
FROM web_sales ws1, date_dim, web_site
WHERE ws1.ws_ship_date_sk = d_date_sk AND ws1.ws_web_site_sk = web_site_sk AND web_company_name = 'pri'
    AND ws1.ws_order_number IN (SELECT ws_order_number FROM ws_wh)
    AND ws1.ws_order_number IN (SELECT wr_order_number FROM web_returns, ws_wh WHERE wr_order_number = ws_wh.ws_order_number)
ORDER BY count(DISTINCT ws_order_number) LIMIT 50;

-- 96. One count over three joins
SELECT count(*) FROM store_sales, household_demographics, time_dim, store
WHERE ss_sold_time_sk = time_dim.t_time_sk AND ss_hdemo_sk = household_demographics.hd_demo_sk
    AND ss_store_sk = s_store_sk AND time_dim.t_hour = 20 AND time_dim.t_minute >= 30
    AND household_demographics.hd_dep_count = 7 AND store.s_store_name = 'ese' ORDER BY count(*) LIMIT 50;

-- 97. Customers and items of one channel, the other, and both: a full join counted
WITH ssci AS (SELECT ss_customer_sk AS c, ss_item_sk AS i FROM store_sales, date_dim WHERE ss_sold_date_sk = d_date_sk
    GROUP BY ss_customer_sk, ss_item_sk),
csci AS (SELECT cs_bill_customer_sk AS c, cs_item_sk AS i FROM catalog_sales, date_dim WHERE cs_sold_date_sk = d_date_sk
    GROUP BY cs_bill_customer_sk, cs_item_sk)
SELECT sum(CASE WHEN ssci.c IS NOT NULL AND csci.c IS NULL THEN 1 ELSE 0 END) AS store_only,
    sum(CASE WHEN ssci.c IS NULL AND csci.c IS NOT NULL THEN 1 ELSE 0 END) AS catalog_only,
    sum(CASE WHEN ssci.c IS NOT NULL AND csci.c IS NOT NULL THEN 1 ELSE 0 END) AS both_of_them
FROM ssci FULL OUTER JOIN csci ON (ssci.c = csci.c AND ssci.i = csci.i) LIMIT 50;

-- 98. Each store item's share of its class
SELECT i_item_id, i_item_desc, i_category, i_class, sum(ss_ext_sales_price) AS rev,
    sum(ss_ext_sales_price) * 100 / sum(sum(ss_ext_sales_price)) OVER (PARTITION BY i_class) AS share
FROM store_sales, item, date_dim
WHERE ss_item_sk = i_item_sk AND i_category IN ('Sports', 'Books') AND ss_sold_date_sk = d_date_sk
GROUP BY i_item_id, i_item_desc, i_category, i_class ORDER BY i_category, i_class, i_item_id, i_item_desc, share;

-- 99. How long catalogue orders take, in bands
SELECT substr(w_warehouse_name, 1, 20), sm_type, cc_name,
    sum(CASE WHEN (cs_ship_date_sk - cs_sold_date_sk <= 30) THEN 1 ELSE 0 END) AS "30 days",
    sum(CASE WHEN (cs_ship_date_sk - cs_sold_date_sk > 30) AND (cs_ship_date_sk - cs_sold_date_sk <= 60)
        THEN 1 ELSE 0 END) AS "31-60 days"
FROM catalog_sales, warehouse, ship_mode, call_center, date_dim
WHERE d_month_seq BETWEEN 1200 AND 1211 AND cs_ship_date_sk = d_date_sk AND cs_warehouse_sk = w_warehouse_sk
    AND cs_ship_mode_sk = sm_ship_mode_sk AND cs_call_center_sk = cc_call_center_sk
GROUP BY substr(w_warehouse_name, 1, 20), sm_type, cc_name ORDER BY 1, 2, 3 LIMIT 50
