{#- What the warehouses write differently. The default is the SQL of DuckDB and Postgres. -#}

{#- The time on the clock of `chatislav_timezone`, without a zone. -#}
{% macro local_time(instant) %}{{ return(adapter.dispatch('local_time', 'chatislav')(instant)) }}{% endmacro %}
{% macro default__local_time(instant) -%}
({{ instant }} at time zone '{{ var("chatislav_timezone") }}')
{%- endmacro %}
{#- DuckDB takes as long to look up a zone as to read the rest, so it does not for UTC. -#}
{% macro duckdb__local_time(instant) -%}
case
        when '{{ var("chatislav_timezone") }}' = 'UTC' then make_timestamp(epoch_us({{ instant }}))
        else {{ instant }} at time zone '{{ var("chatislav_timezone") }}'
    end
{%- endmacro %}
{% macro snowflake__local_time(instant) -%}
cast(convert_timezone('{{ var("chatislav_timezone") }}', {{ instant }}) as timestamp_ntz)
{%- endmacro %}
{% macro bigquery__local_time(instant) -%}
datetime({{ instant }}, '{{ var("chatislav_timezone") }}')
{%- endmacro %}

{#- Whole seconds from one instant to another, rounded down; negative if the other is earlier. -#}
{% macro seconds_between(start, end) %}{{ return(adapter.dispatch('seconds_between', 'chatislav')(start, end)) }}{% endmacro %}
{% macro default__seconds_between(start, end) -%}
cast(floor(extract(epoch from ({{ end }} - {{ start }}))) as bigint)
{%- endmacro %}
{% macro duckdb__seconds_between(start, end) -%}
cast(floor((epoch_us({{ end }}) - epoch_us({{ start }})) / 1000000) as bigint)
{%- endmacro %}
{% macro snowflake__seconds_between(start, end) -%}
cast(floor(datediff('microsecond', {{ start }}, {{ end }}) / 1000000) as bigint)
{%- endmacro %}
{% macro bigquery__seconds_between(start, end) -%}
cast(floor(timestamp_diff({{ end }}, {{ start }}, microsecond) / 1000000) as bigint)
{%- endmacro %}

{#- The Monday of a day's week. Snowflake's date_trunc depends on the session's WEEK_START. -#}
{% macro monday_of(day) %}{{ return(adapter.dispatch('monday_of', 'chatislav')(day)) }}{% endmacro %}
{% macro default__monday_of(day) -%}
cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}
{% macro snowflake__monday_of(day) -%}
cast(dateadd(day, 1 - dayofweekiso({{ day }}), {{ day }}) as date)
{%- endmacro %}
{% macro bigquery__monday_of(day) -%}
date_trunc({{ day }}, isoweek)
{%- endmacro %}

{#- Days from one day to another. -#}
{% macro days_between(start, end) %}{{ return(adapter.dispatch('days_between', 'chatislav')(start, end)) }}{% endmacro %}
{% macro default__days_between(start, end) -%}
({{ end }} - {{ start }})
{%- endmacro %}
{% macro snowflake__days_between(start, end) -%}
datediff('day', {{ start }}, {{ end }})
{%- endmacro %}
{% macro bigquery__days_between(start, end) -%}
date_diff({{ end }}, {{ start }}, day)
{%- endmacro %}

{#- 1 for Monday to 7 for Sunday. -#}
{% macro weekday_of(day) %}{{ return(adapter.dispatch('weekday_of', 'chatislav')(day)) }}{% endmacro %}
{% macro default__weekday_of(day) -%}
cast(extract(isodow from {{ day }}) as bigint)
{%- endmacro %}
{% macro snowflake__weekday_of(day) -%}
cast(dayofweekiso({{ day }}) as bigint)
{%- endmacro %}
{% macro bigquery__weekday_of(day) -%}
(mod(extract(dayofweek from {{ day }}) + 5, 7) + 1)
{%- endmacro %}

{#- The type of a number with a fraction. -#}
{% macro double() %}{{ return(adapter.dispatch('double', 'chatislav')()) }}{% endmacro %}
{% macro default__double() %}double precision{% endmacro %}
{% macro bigquery__double() %}float64{% endmacro %}

{#- A row for each word of at least three letters in a text, with the columns `keys`.

    The letters are listed, as classes such as [[:alpha:]] depend on the locale in Postgres and leave
    Cyrillic out in Snowflake: Latin with its accents, and Cyrillic that has no Latin letter. -#}
{% macro words_of(relation, text, keys) %}{{ return(adapter.dispatch('words_of', 'chatislav')(relation, text, keys)) }}{% endmacro %}
{% macro letters() %}[a-zß-öø-žѐ-џа-я]{3,}{% endmacro %}
{% macro default__words_of(relation, text, keys) -%}
select {{ keys }}, found.word[1] as word
from {{ relation }}
cross join lateral regexp_matches({{ text }}, '{{ chatislav.letters() }}', 'g') as found(word)
{%- endmacro %}
{% macro duckdb__words_of(relation, text, keys) -%}
select {{ keys }}, unnest(regexp_extract_all({{ text }}, '{{ chatislav.letters() }}')) as word
from {{ relation }}
{%- endmacro %}
{% macro snowflake__words_of(relation, text, keys) -%}
select {{ keys }}, cast(found.value as varchar) as word
from {{ relation }},
    lateral flatten(input => regexp_substr_all({{ text }}, '{{ chatislav.letters() }}')) as found
{%- endmacro %}
{% macro bigquery__words_of(relation, text, keys) -%}
select {{ keys }}, word
from {{ relation }}
cross join unnest(regexp_extract_all({{ text }}, r'{{ chatislav.letters() }}')) as word
{%- endmacro %}

{#- When the next message of the assistant was sent. DuckDB's lead() needs no tree of minima. -#}
{% macro next_assistant_at() %}{{ return(adapter.dispatch('next_assistant_at', 'chatislav')()) }}{% endmacro %}
{% macro default__next_assistant_at() -%}
min(case when role = 'assistant' then created_at end) over (
            {{ chatislav.in_order() }} rows between 1 following and unbounded following
        )
{%- endmacro %}
{% macro duckdb__next_assistant_at() -%}
lead(case when role = 'assistant' then created_at end ignore nulls) over ({{ chatislav.in_order() }})
{%- endmacro %}

{#- All columns, and for each of `measured` what `percentile` needs of a row: its rank among the
    values of its group, and their number. -#}
{% macro with_ranks(measured, keys) %}{{ return(adapter.dispatch('with_ranks', 'chatislav')(measured, keys)) }}{% endmacro %}
{% macro default__with_ranks(measured, keys) -%}
*
    {%- for column in measured -%}
    ,
        row_number() over (
            partition by {{ keys }}, case when {{ column }} is null then 1 else 0 end
            order by {{ column }}
        ) as {{ column }}_rank,
        count({{ column }}) over (partition by {{ keys }}) as {{ column }}_count
    {%- endfor %}
{%- endmacro %}
{% macro duckdb__with_ranks(measured, keys) %}*{% endmacro %}

{#- A percentile of whole numbers, interpolated as PERCENTILE_CONT does; null without a value.

    The warehouses' own functions differ (BigQuery has only an approximate aggregate) and round
    differently. Here all is whole numbers until the last division, so each gives the same digits:
    a value weighs 100 minus its distance, in hundredths of a rank, from the rank that is asked for.
    The result is a whole number of hundredths, so DuckDB's own, which needs no ranks, has the same
    digits once it is rounded to two. -#}
{% macro percentile(column, percent) %}{{ return(adapter.dispatch('percentile', 'chatislav')(column, percent)) }}{% endmacro %}
{% macro default__percentile(column, percent) -%}
cast(sum({{ column }} * greatest(0, 100 - abs(
        100 * ({{ column }}_rank - 1) - {{ percent }} * ({{ column }}_count - 1)
    ))) as {{ chatislav.double() }}) / 100
{%- endmacro %}
{% macro duckdb__percentile(column, percent) -%}
round(quantile_cont({{ column }}, {{ percent / 100 }}), 2)
{%- endmacro %}

{#- Lower case, and Serbian Cyrillic as Latin, so that one word in two scripts is one word.

    Not by lower() alone: in Postgres it leaves letters beyond ASCII as they are in the locale C.
    DuckDB's lower() knows them; its translate() sets up all letters for each text anew, so only
    for a text with one of them. -#}
{% macro folded(text) %}{{ return(adapter.dispatch('folded', 'chatislav')(text)) }}{% endmacro %}
{% macro default__folded(text) -%}
replace(replace(replace(
            translate(
                lower({{ text }}),
                'АБВГДЂЕЖЗИЈКЛЉМНЊОПРСТЋУФХЦЧЏШабвгдђежзијклмнопрстћуфхцчшČĆŠŽĐ',
                'abvgdđežzijklљmnњoprstćufhcčџšabvgdđežzijklmnoprstćufhcčščćšžđ'
            ), 'љ', 'lj'), 'њ', 'nj'), 'џ', 'dž')
{%- endmacro %}
{% macro duckdb__folded(text) -%}
case
            when regexp_matches(lower({{ text }}), '[ђ-џа-ш]') then replace(replace(replace(
                translate(
                    lower({{ text }}),
                    'абвгдђежзијклмнопрстћуфхцчш',
                    'abvgdđežzijklmnoprstćufhcčš'
                ), 'љ', 'lj'), 'њ', 'nj'), 'џ', 'dž')
            else lower({{ text }})
        end
{%- endmacro %}
