"""Texts of the page Inspect, of one pair and its verdict, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # the pair
    "pair.hit": (
        "Right: labelled relevant, and probability {probability} reaches the threshold {at}.",
        "正确：标注为相关，概率 {probability} 达到阈值 {at}。",
    ),
    "pair.missed": (
        "Missed: labelled relevant, but probability {probability} is below the threshold {at}.",
        "漏报：标注为相关，但概率 {probability} 低于阈值 {at}。",
    ),
    "pair.false": (
        "False alarm: labelled not relevant, but probability {probability} reaches the threshold {at}.",
        "误报：标注为不相关，但概率 {probability} 达到阈值 {at}。",
    ),
    "pair.rejected": (
        "Right: labelled not relevant, and probability {probability} is below the threshold {at}.",
        "正确：标注为不相关，概率 {probability} 低于阈值 {at}。",
    ),
    "pair.unread": (
        "Labelled not relevant. The model can read nothing of one of the texts, so there is no score.",
        "标注为不相关。模型无法读取其中一段文字，因此没有分数。",
    ),
    "pair.unread.wrong": (
        "Missed: labelled relevant, but the model can read nothing of one of the texts.",
        "漏报：标注为相关，但模型无法读取其中一段文字。",
    ),
    "pair.column.line": ("Line", "行"),
    "pair.relevant": ("relevant", "相关"),
    "pair.not relevant": ("not relevant", "不相关"),
    "pair.why": ("Why", "为什么"),
    "pair.effects": ("Effect of each word", "每个词的作用"),
    "pair.rivals": ("Why A above B", "为什么 A 高于 B"),
    "pair.edit": ("What if", "如果改写"),
    "pair.near": ("Nearest in the set", "数据中最近的"),
    "pair.map": ("Map", "向量图"),
    # verdicts
    "judge": ("Your verdict", "您的判断"),
    "judge.relevant": ("Relevant", "相关"),
    "judge.not relevant": ("Not relevant", "不相关"),
    "judge.unsure": ("Unsure", "不确定"),
    "judge.bad data": ("Bad data", "数据有误"),
    "judge.read only": (
        "Read-only demo: verdicts can be looked at, but none is kept. Start without "
        "DSSM_READ_ONLY to judge.",
        "只读演示：可以查看判断，但不会保存。要判断，请不带 DSSM_READ_ONLY 启动。",
    ),
    "judge.cause": ("Cause", "原因"),
    "judge.cause.none": ("none yet: choose or type one", "暂无：选择或输入"),
    "judge.cause.help": (
        "Filled in with the cause that was found automatically. Type another to add it.",
        "已填入自动找到的原因。也可输入其他原因。",
    ),
    "judge.note": ("Note", "备注"),
    "judge.note.help": (
        "Kept with the verdict. Press Tab to leave the box: the keys judge only outside it.",
        "随判断一起保存。按 Tab 离开此框：快捷键仅在框外有效。",
    ),
    "judge.keys": (
        "The keys work while no field, switch or choice has the focus: click beside it, or press Tab "
        "until a button has it.",
        "输入框、开关或选项获得焦点时快捷键无效：请点击空白处，或按 Tab 移到按钮上。",
    ),
    "judge.on": ("After judging, go on to the next error", "判断后转到下一个错误"),
    "judge.next": ("Next error", "下一个错误"),
    "judge.undo": ("Undo", "撤销"),
    "judge.case": ("Save as repro case", "保存为复现用例"),
    "judge.case.help": (
        "Keeps the query with all its documents in the set (at most 50), labels, verdicts, note, "
        "model and scores. python -m dssm_core inspect replay runs the cases against another model.",
        "保存查询及其在数据中的全部文档（最多 50 篇）、标注、判断、备注、模型和分数。"
        "python -m dssm_core inspect replay 可用其他模型重放这些用例。",
    ),
    "judge.case.done": (
        "Saved. There are {number} repro cases now.",
        "已保存。现有 {number} 个复现用例。",
    ),
    "judge.done": (
        "Kept: line {line}, “{query}”, is judged “{verdict}”. U takes it back.",
        "已保存：第 {line} 行“{query}”判为“{verdict}”。按 U 可撤销。",
    ),
    "judge.undone": (
        "Taken back: “{verdict}” on “{query}”.",
        "已撤销：对“{query}”的判断“{verdict}”。",
    ),
    "judge.undo.none": ("There is no verdict to take back.", "没有可撤销的判断。"),
    "judge.stands": ("Judged “{verdict}”, {at}.", "已判为“{verdict}”，{at}。"),
    "judge.progress": ("{done} of {number} errors judged", "已判断 {done} 个错误，共 {number} 个"),
    "judge.no errors": (
        "No pair is on the wrong side of the threshold.",
        "没有处于阈值错误一侧的样本。",
    ),
    "judge.files": ("Verdicts kept: {number}", "已保存的判断：{number}"),
    "judge.path": ("They are kept in this file, on every click:", "每次点击都会保存到此文件："),
    "judge.download": ("Download {name}", "下载 {name}"),
    "judge.import": ("Import verdicts (CSV, TSV or JSONL)", "导入判断（CSV、TSV 或 JSONL）"),
    "judge.import.help": (
        "Columns query, document and verdict, and cause and note if you like; such as a download "
        "from here. All rows are taken, or none.",
        "需有 query、document、verdict 列，可有 cause、note 列；例如此处下载的文件。要么全部导入，要么都不导入。",
    ),
    "judge.import.go": ("Import {name}", "导入 {name}"),
    "judge.import.done": (
        "{number} verdicts taken from {name}.",
        "已从 {name} 导入 {number} 个判断。",
    ),
    # why A above B
    "rivals.pick": ("Compare with", "与之比较"),
    "rivals.help": (
        "The query's other documents in the set with their labels, the highest cosine first; then "
        "near documents that have no label for this query.",
        "数据中该查询的其他文档及其标注，余弦高者在前；之后是与该查询相近但没有标注的文档。",
    ),
    "rivals.none": (
        "The set has no other document to compare with.",
        "数据中没有其他文档可比较。",
    ),
    "rivals.unlabelled": ("no label", "无标注"),
    "rivals.wait": ("Leaving out words, one by one…", "正在逐一去掉词语……"),
    "rivals.this": ("this document", "此文档"),
    "rivals.that": ("the other document", "另一文档"),
    "rivals.gap": (
        "Higher by {gap:.4f} in cosine: {higher}, before {lower}.",
        "余弦高出 {gap:.4f}：{higher} 排在 {lower} 之前。",
    ),
    "rivals.level": ("Both documents have the same cosine.", "两篇文档的余弦相同。"),
    "rivals.open": (
        "Words of the query that hold the gap open: {words}.",
        "查询中拉开差距的词：{words}。",
    ),
    "rivals.close": ("Words that narrow it: {words}.", "缩小差距的词：{words}。"),
    "rivals.no word": (
        "No single word of the query changes the gap.",
        "查询中没有哪个词单独改变差距。",
    ),
    "rivals.flip": (
        "The smallest edit found that turns them round: leave {words} out of {place}. Then {lower} "
        "is ahead by {gap:.4f}.",
        "找到的使顺序颠倒的最小改动：从{place}中去掉 {words}。之后{lower}领先 {gap:.4f}。",
    ),
    "rivals.no flip": (
        "Leaving out up to {most} words of the query, or of the higher document, does not turn "
        "them round.",
        "去掉查询或较高文档中的至多 {most} 个词，顺序都不会颠倒。",
    ),
    "rivals.edited": ("The edit", "改动"),
    "rivals.query": ("What each word of the query adds to the gap", "查询中每个词对差距的贡献"),
    "rivals.effects": ("What each word adds: {name}", "每个词的贡献：{name}"),
    # what if
    "edit.note": (
        "Change either text; the model reads it anew. Press Ctrl+Enter, or leave the box.",
        "修改任一文字，模型会重新读取。按 Ctrl+Enter 或离开输入框。",
    ),
    "edit.reset": ("Put the texts back", "恢复原文"),
    "edit.none": ("Nothing is changed yet.", "尚未改动。"),
    "edit.unread": (
        "One of the texts has nothing that the model reads.",
        "其中一段文字没有模型能读取的内容。",
    ),
    "edit.up": (
        "The cosine changes by {change:+.4f}: the pair now reaches the threshold {at}.",
        "余弦变化 {change:+.4f}：现在达到阈值 {at}。",
    ),
    "edit.down": (
        "The cosine changes by {change:+.4f}: the pair now falls below the threshold {at}.",
        "余弦变化 {change:+.4f}：现在低于阈值 {at}。",
    ),
    "edit.stays up": (
        "The cosine changes by {change:+.4f}: the pair still reaches the threshold {at}.",
        "余弦变化 {change:+.4f}：仍达到阈值 {at}。",
    ),
    "edit.stays down": (
        "The cosine changes by {change:+.4f}: the pair is still below the threshold {at}.",
        "余弦变化 {change:+.4f}：仍低于阈值 {at}。",
    ),
    "edit.number": ("Number", "数值"),
    "edit.before": ("Before", "之前"),
    "edit.after": ("After", "之后"),
    "edit.change": ("Change", "变化"),
    "edit.alt": ("Every number before and after the edit", "改写前后的全部数值"),
    "edit.changed": ("Changed words · {name}", "改动的词 · {name}"),
    "edit.same": ("no word changed", "没有词改动"),
    # nearest vectors and map
    "near.kind": ("Nearest", "最近的"),
    "near.qd": ("documents to this query", "离此查询最近的文档"),
    "near.dq": ("queries to this document", "离此文档最近的查询"),
    "near.dd": ("documents to this document", "离此文档最近的文档"),
    "near.qq": ("queries to this query", "离此查询最近的查询"),
    "near.none": (
        "There is nothing near: the model can read nothing of this text, or the set has no other.",
        "附近没有内容：模型无法读取这段文字，或数据中没有其他文字。",
    ),
    "near.own": (
        "This pair's own text comes in place {place} of {number:,}.",
        "此样本自己的文字排第 {place}，共 {number:,} 个。",
    ),
    "near.this": ("this pair", "此样本"),
    "near.opposite": (
        "{number} of these {most} have the opposite label.",
        "这 {most} 个中有 {number} 个标注相反。",
    ),
    "near.label": ("Label", "标注"),
    "near.open": (
        "Labels are of the pair that each text makes with this pair's other text. Choose a row to "
        "open a pair with it.",
        "标注属于该文字与此样本另一段文字组成的样本。选择一行可打开含有它的样本。",
    ),
    "near.alt": ("The nearest texts of the set, with their labels", "数据中最近的文字及其标注"),
    "map.colour": ("Colour by", "着色依据"),
    "map.label": ("label", "标注"),
    "map.error": ("right or wrong", "正确或错误"),
    "map.right": ("right", "正确"),
    "map.wrong": ("wrong", "错误"),
    "map.mixed": ("mixed", "不一致"),
    "map.others": ("others", "其他"),
    "map.wait": ("Laying out the vectors…", "正在计算向量图……"),
    "map.note": (
        "Two directions (PCA) show {share:.0%} of what sets the vectors apart: points near each "
        "other need not be alike. “mixed”: a text whose pairs differ; “wrong”: one with a wrong pair. Click a point, or draw a "
        "frame around some.",
        "两个方向（PCA）展示了向量间差异的 {share:.0%}：相邻的点未必相似。“不一致”表示该文字的各样本不同，“错误”表示有样本判错。点击一个点，或框选若干点。",
    ),
    "map.unreadable": (
        "{number} texts have no place, as nothing of them could be read.",
        "{number} 段文字无法读取，因此不在图上。",
    ),
    "map.pick": ("No point is chosen.", "尚未选择点。"),
    "map.picked": (
        "{points} points chosen, in {pairs} pairs. Choose a row to open its pair.",
        "已选 {points} 个点，涉及 {pairs} 个样本。选择一行可打开该样本。",
    ),
    "map.pairs.alt": ("Pairs of the chosen points", "所选点的样本"),
    # two models
    "two.save": ("Save this inspection as a snapshot", "将此次检查存为快照"),
    "two.save.note": (
        "A snapshot can be compared with later, when the model or its folder has changed.",
        "以后模型或其文件夹改变时，可与快照对比。",
    ),
    "two.help": (
        "Scores the same pairs with another model, or compares with a saved snapshot.",
        "用另一个模型为同样的样本打分，或与保存的快照对比。",
    ),
    "two.snapshot": ("a saved snapshot…", "已保存的快照……"),
    "two.upload": ("Snapshot", "快照"),
    "two.loading": ("The second model is loading…", "第二个模型正在加载……"),
    "two.scoring": (
        "Reading text {done:,} of {total:,}",
        "正在读取第 {done:,} 段文字，共 {total:,} 段",
    ),
    "two.stopped": ("Scoring was stopped.", "打分已停止。"),
    "two.go": ("Score the pairs", "为样本打分"),
    "two.now": ("now", "现在"),
    "two.then": ("then", "当时"),
    "two.threshold": ("Threshold of the second model", "第二个模型的阈值"),
    "two.threshold.help": (
        "The same probability as the first model's, or the one with the best F1 on these very "
        "pairs, which flatters it.",
        "与第一个模型相同的概率，或在这些样本上 F1 最高的阈值（会高估它）。",
    ),
    "two.same probability": ("same probability", "相同概率"),
    "two.best": ("best F1", "最佳 F1"),
    "two.never": (
        "{name} can never give this probability, so all its pairs are on one side of it.",
        "{name} 不可能给出此概率，因此其所有样本都在同一侧。",
    ),
    "two.at": (
        "{one}: cosine {cosine_one:.3f}, probability {probability_one}. {other}: cosine "
        "{cosine_other:.3f}, probability {probability_other}.",
        "{one}：余弦 {cosine_one:.3f}，概率 {probability_one}。{other}：余弦 {cosine_other:.3f}，概率 {probability_other}。",
    ),
    "two.finding": (
        "With {name}, {fixed:,} pairs are fixed and {broken:,} broken; {same:,} stay on their side.",
        "使用 {name}，修正 {fixed:,} 个样本，弄错 {broken:,} 个；{same:,} 个不变。",
    ),
    "two.wrong": (
        "Wrong: {one:,} before, {other:,} after.",
        "错误：之前 {one:,} 个，之后 {other:,} 个。",
    ),
    "two.real": (
        "So uneven a change is hardly chance (McNemar's exact test, p {p}).",
        "如此不均的变化不太可能出于偶然（McNemar 精确检验，p {p}）。",
    ),
    "two.chance": (
        "Chance could make as uneven a change (McNemar's exact test, p {p}).",
        "偶然也可能造成这样的变化（McNemar 精确检验，p {p}）。",
    ),
    "two.ranking": (
        "MRR@10 over {queries:,} queries: {one:.3f} before, {other:.3f} after (p {p}).",
        "{queries:,} 个查询的 MRR@10：之前 {one:.3f}，之后 {other:.3f}（p {p}）。",
    ),
    "two.no lists": (
        "No query has several documents here, so there are no ranks to compare.",
        "这里没有查询有多篇文档，因此没有名次可比较。",
    ),
    "two.query": ("Ranks for", "名次（查询）"),
    "two.query.help": (
        "Queries with several documents, those first whose ranks moved most. The number is by how "
        "many ranks.",
        "有多篇文档的查询，名次变动最大者在前。数字为变动的名次数。",
    ),
    "two.which": ("Pairs", "样本"),
    "two.all": ("all", "全部"),
    "two.fixed": ("fixed", "修正"),
    "two.broken": ("broken", "弄错"),
    "two.same": ("same", "不变"),
    "two.cut": (
        "The {most:,} that changed most, of {number:,}.",
        "变化最大的 {most:,} 个，共 {number:,} 个。",
    ),
    "two.none": ("There is no such pair.", "没有这样的样本。"),
    "two.changed": ("Change", "变化"),
    "two.moved": ("Probability moved", "概率变动"),
    "two.verdict": ("Verdict of the model", "模型的判断"),
    "two.pick": (
        "Choose a row to see both models' numbers.",
        "选择一行可查看两个模型的数值。",
    ),
    "two.alt": (
        "Pairs that changed most, with both models' probabilities",
        "变化最大的样本及两个模型的概率",
    ),
    "two.one.alt": ("Numbers of the chosen pair by both models", "所选样本在两个模型中的数值"),
    "two.open": ("Open this pair", "打开此样本"),
}
