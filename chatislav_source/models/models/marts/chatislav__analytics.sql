{{ config(materialized=var('chatislav_materialized', 'view')) }}

select *
from {{ ref('stg_chatislav__analytics') }}
