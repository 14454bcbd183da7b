{{ config(materialized=var('chatislav_materialized', 'view')) }}

with zones as (

    select
        bot_id,
        timezone,
        -- a bot may be loaded in two zones, whose days overlap
        row_number() over (partition by bot_id order by count(*) desc, timezone) as place
    from {{ ref('stg_chatislav__analytics') }}
    where channel = 'all'
    group by bot_id, timezone

)

select
    {{ chatislav.key(['analytics.bot_id', 'analytics.day']) }} as credits_key,
    analytics.bot_id,
    analytics.day,
    analytics.timezone,
    analytics.is_final,
    analytics.conversations,
    analytics.resolutions,
    analytics.credits,
    analytics.main_llm_credits,
    analytics.agent_router_credits,
    analytics.agent_inner_loop_credits,
    analytics.guardrails_credits,
    analytics.conversation_summary_credits,
    analytics.followup_questions_credits,
    analytics.starter_questions_credits,
    analytics.prompt_assistant_credits,
    analytics.image_features_credits,
    analytics.other_credits,
    analytics.messages_with_credits,
    case when analytics.conversations > 0 then analytics.credits / analytics.conversations end
        as day_credits_per_conversation,
    case when analytics.resolutions > 0 then analytics.credits / analytics.resolutions end
        as day_credits_per_resolution
from {{ ref('stg_chatislav__analytics') }} as analytics
inner join zones
    on
        analytics.bot_id = zones.bot_id
        and analytics.timezone = zones.timezone
        and zones.place = 1
where analytics.channel = 'all'
