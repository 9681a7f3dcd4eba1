-- SPDX-License-Identifier: MulanPSL-2.0
-- Named statements of the insight room (tools/sqlgen). Parameters are $1 … $n on both databases.

-- name: lease_take
-- Mine, free, or its lease has run out.
update insight_state set owner = $1, until_us = $2 where id = 1 and (owner = $1 or owner = '' or until_us < $3)

-- name: lease_leave
update insight_state set owner = '', until_us = 0 where id = 1 and owner = $1

-- name: state_get
select seq from insight_state where id = 1

-- name: state_put
update insight_state set seq = $1 where id = 1 and owner = $2

-- name: formula_put
insert into insight_formula (indicator, version, formula, since_us) values ($1, $2, $3, $4)
on conflict (indicator, version) do nothing

-- name: formula_get
select formula from insight_formula where indicator = $1 and version = $2
