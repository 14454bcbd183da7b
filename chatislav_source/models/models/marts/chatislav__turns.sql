{{ config(materialized=var('chatislav_materialized', 'view')) }}

{%- set in_order = chatislav.in_order() %}

with messages as (

    select
        *,
        count(case when role = 'user' then 1 end) over (
            {{ in_order }} rows between unbounded preceding and current row
        ) as turn_number,
        {{ chatislav.next_assistant_at() }} as next_assistant_at,
        lead(role) over ({{ in_order }}) as next_role,
        count(case when role = 'user' then 1 end) over (
            {{ in_order }} rows between 1 following and unbounded following
        ) as later_user_messages
    from {{ ref('int_chatislav__messages') }}

)

select
    message_key as turn_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    channel,
    day,
    turn_number,
    created_at as asked_at,
    content as question,
    next_assistant_at as answered_at,
    {{ chatislav.seconds_between('created_at', 'next_assistant_at') }}
        as answer_seconds,
    next_role as answered_by,
    {{ chatislav.flag("next_assistant_at is not null") }} as is_answered,
    {{ chatislav.flag("later_user_messages = 0") }} as is_last_question
from messages
where role = 'user'
