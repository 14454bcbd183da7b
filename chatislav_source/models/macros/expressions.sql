{#- Expressions that every warehouse writes in the same way. -#}

{#- One text column that identifies a row. -#}
{% macro key(columns) -%}
{% for column in columns %}cast({{ column }} as {{ dbt.type_string() }}){% if not loop.last %} || '|' || {% endif %}{% endfor %}
{%- endmacro %}

{#- 1 where a condition holds, else 0, also where it is unknown: such columns add up. -#}
{% macro flag(condition) -%}
case when {{ condition }} then 1 else 0 end
{%- endmacro %}

{#- The sum of a whole number over rows; 0 without rows. -#}
{% macro total(column) -%}
cast(coalesce(sum({{ column }}), 0) as bigint)
{%- endmacro %}

{#- The window of a conversation's messages in the order in which they were sent.

    A conversation has one day. It is named so that a warehouse applies a filter on days before it
    makes the windows: a month of a million conversations is ten times faster. -#}
{% macro in_order() -%}
partition by bot_id, session_id, day
            order by case when created_at is null then 1 else 0 end, created_at, message_index
{%- endmacro %}

{#- What `percentile` needs of each row: rank among the values of its group, and their number. -#}
{% macro ranked(column, keys) -%}
row_number() over (
        partition by {{ keys }}, case when {{ column }} is null then 1 else 0 end
        order by {{ column }}
    ) as {{ column }}_rank,
    count({{ column }}) over (partition by {{ keys }}) as {{ column }}_count
{%- endmacro %}

{#- A percentile of whole numbers, interpolated as PERCENTILE_CONT does; null without a value.

    The warehouses' own functions differ (BigQuery has only an approximate aggregate) and round
    differently. Here all is whole numbers until the last division, so each gives the same digits:
    a value weighs 100 minus its distance, in hundredths of a rank, from the rank that is asked for. -#}
{% macro percentile(column, percent) -%}
cast(sum({{ column }} * greatest(0, 100 - abs(
        100 * ({{ column }}_rank - 1) - {{ percent }} * ({{ column }}_count - 1)
    ))) as {{ chatislav.double() }}) / 100
{%- endmacro %}

{#- Lower case, and Serbian Cyrillic as Latin, so that one word in two scripts is one word.

    Not by lower() alone: in Postgres it leaves letters beyond ASCII as they are in the locale C. -#}
{% macro folded(text) -%}
replace(replace(replace(
            translate(
                lower({{ text }}),
                'АБВГДЂЕЖЗИЈКЛЉМНЊОПРСТЋУФХЦЧЏШабвгдђежзијклмнопрстћуфхцчшČĆŠŽĐ',
                'abvgdđežzijklљmnњoprstćufhcčџšabvgdđežzijklmnoprstćufhcčščćšžđ'
            ), 'љ', 'lj'), 'њ', 'nj'), 'џ', 'dž')
{%- endmacro %}
