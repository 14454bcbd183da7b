{{ config(materialized=var('chatislav_materialized', 'view')) }}

{%- set in_order = chatislav.in_order() %}

with messages as (

    select
        *,
        row_number() over ({{ in_order }}) as position,
        count(case when role = 'user' then 1 end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as turn_number,
        lag(created_at) over ({{ in_order }}) as previous_at,
        lag(role) over ({{ in_order }}) as previous_role
    from {{ ref('int_chatislav__messages') }}

)

select
    message_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    message_id,
    channel,
    day,
    created_at,
    role,
    content,
    position,
    turn_number,
    previous_at,
    previous_role,
    {{ chatislav.seconds_between('previous_at', 'created_at') }}
        as seconds_since_previous,
    characters
from messages
