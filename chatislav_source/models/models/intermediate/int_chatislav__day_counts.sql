{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    bot_id,
    day,
    channel,
    count(*) as conversations,
    {{ chatislav.total('message_count') }} as messages,
    {%- for flag, condition in chatislav.own_flags().items() %}
    {{ chatislav.total(chatislav.flag(condition)) }} as {{ chatislav.counts_of_flags()[flag] }}
    {%- if not loop.last %},{% endif %}
    {%- endfor %}
from {{ ref('stg_chatislav__conversations') }}
group by bot_id, day, channel
