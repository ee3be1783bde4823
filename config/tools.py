"""What agents may look up, on one screen: the name a model calls -> what it is told, what it may say, who answers.

All of them read. `integration` is what `agent_configs.tool_names` allows and `tool_calls.tool_name` says.
"""

from decimal import Decimal

from apps.activities import market_tools, tools
from apps.activities.registry import Tool

TOOLS = {
    "search_skills": Tool(
        integration="skills",
        description="Finds guidance of the agency on craft and style, by words. Gives names and descriptions.",
        arguments=tools.SearchSkills,
        read=tools.search_skills,
    ),
    "load_skill": Tool(
        integration="skills",
        description="Gives the whole text of one piece of guidance, by its name.",
        arguments=tools.LoadSkill,
        read=tools.load_skill,
    ),
    "read_page": Tool(
        integration="website",
        description="Reads the text of one web page of the client, or of a site that the client's data names.",
        arguments=tools.ReadPage,
        read=tools.read_page,
        asks="the client's own",
    ),
    "read_channel_metrics": Tool(
        integration="channels",
        description="Tells how the client's channels score: now, before, and in the last months.",
        arguments=tools.ChannelMetrics,
        read=tools.read_channel_metrics,
    ),
    "read_search_console": Tool(
        integration="google_search_console",
        description="Tells how people found the client's website on Google: clicks, impressions, share of clicks, position.",
        arguments=tools.SearchConsole,
        read=tools.read_search_console,
        asks="the client's own",
    ),
    "read_analytics": Tool(
        integration="google_analytics",
        description="Tells what visitors did on the client's website: sessions, users, key events, page views, time.",
        arguments=tools.Analytics,
        read=tools.read_analytics,
        asks="the client's own",
    ),
    "keyword_volumes": Tool(
        integration="dataforseo",
        description="Tells how often people search for given words on Google, and what advertisers pay for them.",
        arguments=market_tools.KeywordVolumes,
        read=market_tools.keyword_volumes,
        asks="a third party",
        most_usd=Decimal("0.10"),
    ),
    "search_results": Tool(
        integration="dataforseo",
        description="Tells which pages Google shows for a search, the best first, without advertisements.",
        arguments=market_tools.SearchResults,
        read=market_tools.search_results,
        asks="a third party",
        most_usd=Decimal("0.02"),
    ),
    "backlink_summary": Tool(
        integration="dataforseo",
        description="Tells how many pages and sites link to the client's site, or to one that the client's data names.",
        arguments=market_tools.Backlinks,
        read=market_tools.backlink_summary,
        asks="a third party",
        most_usd=Decimal("0.03"),
    ),
    "read_past_outputs": Tool(
        integration="outputs",
        description="Gives earlier texts that the client approved, to keep to their voice and not to repeat them.",
        arguments=tools.PastOutputs,
        read=tools.read_past_outputs,
    ),
}
