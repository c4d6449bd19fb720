"""Texts of the page Lab, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "lab.title": ("Lab", "实验室"),
    "lab.intro": (
        "The systems of the notebook “DSSM keras”, which this project carries on: to look into, to "
        "train and to break.",
        "本项目源自名为“DSSM keras”的 notebook，这里是其中的各个系统：查看、训练、弄坏。",
    ),
    "lab.systems": ("Systems", "系统"),
    "lab.train": ("Train", "训练"),
    "lab.dot": ("Dot explorer", "Dot 探索"),
    "lab.backwards": ("Backwards head", "反向的模型头"),
    "lab.systems.wait": (
        "Building the notebook's systems, some seconds …",
        "正在构建 notebook 的各个系统，需要几秒……",
    ),
    "lab.system": ("System", "系统"),
    "lab.system.about": (
        "{title}. {parameters:,} parameters.",
        "{title}。共 {parameters:,} 个参数。",
    ),
    "lab.layer": ("Layer", "层"),
    "lab.kind": ("Kind", "类型"),
    "lab.shape": ("Output shape", "输出形状"),
    "lab.parameters": ("Parameters", "参数"),
    "lab.inputs": ("Reads from", "输入"),
    "lab.graph": (
        "Layers of {name}: {layers} of them, with shapes.",
        "{name} 的层图：共 {layers} 层，含形状。",
    ),
    "lab.toy": ("The notebook's toy run", "notebook 的玩具数据"),
    "lab.toy.about": (
        "{name}, fitted by sgd on two pairs of word ids, and its predictions. The notebook had one epoch.",
        "{name} 在两对词 id 上用 sgd 训练后的预测。notebook 只训练一轮。",
    ),
    "lab.toy.none": (
        "The notebook ran this system on no data; the tab Train does.",
        "notebook 没有在数据上运行这个系统；请用“训练”标签。",
    ),
    "lab.toy.bag": (
        "The loss stays at ln 2 = 0.693 and the softmax gives both documents 0.5: their ids are the "
        "same four, and a multi-hot text is a bag that has no order. Only the LSTMs can tell them apart.",
        "损失停在 ln 2 = 0.693，softmax 给两篇文档都是 0.5：它们的 id 相同，而 multi-hot 文本是没有顺序的词袋。只有 LSTM 能区分它们。",
    ),
    "lab.seed": ("Seed", "随机种子"),
    "lab.toy.pair": ("pair {n}", "样本 {n}"),
    "lab.toy.run": ("Fit and predict", "训练并预测"),
    "lab.toy.check": (
        "probability = sigmoid({scale:.4f} × cosine + {bias:.4f}); computed anew it differs by at "
        "most {gap:.1e}. Another seed draws another w; where it is below 0 the curve falls.",
        "概率 = sigmoid({scale:.4f} × 余弦 + {bias:.4f})；重新计算的差异最多 {gap:.1e}。换一个种子会得到另一个 w；小于 0 时曲线下降。",
    ),
    "lab.train.about": (
        "Trains a small model of a family on a slice of real pairs, in a process of its own. It is "
        "saved as a model folder, which the page Compare then offers.",
        "在真实数据的一小部分上训练某一类的小模型（独立进程）。结果存为模型文件夹，可在“比较”页选择。",
    ),
    "lab.family": ("Family", "模型类别"),
    "lab.pairs": ("Pairs", "样本"),
    "lab.epochs": ("Epochs", "轮数"),
    "lab.loss": ("Loss", "损失"),
    "lab.name": ("Save as", "保存为"),
    "lab.start": ("Train", "开始训练"),
    "lab.stop": ("Stop", "停止"),
    "lab.stopped": ("Stopped: nothing was saved.", "已停止：没有保存任何内容。"),
    "lab.saved": ("Saved as the model folder {name}.", "已保存为模型文件夹 {name}。"),
    "lab.progress": ("{run}: epoch {done} of {total}", "{run}：第 {done} 轮，共 {total} 轮"),
    "lab.warm": ("TensorFlow is loading, some seconds …", "正在加载 TensorFlow，需要几秒……"),
    "lab.measure.loss": ("loss (0 and up)", "损失（0 以上）"),
    "lab.reads.loss": ("On the training pairs: lower is better.", "训练数据上：越低越好。"),
    "lab.measure.validation MRR@10": ("validation MRR@10 (0 to 1)", "验证集 MRR@10（0 到 1）"),
    "lab.reads.validation MRR@10": (
        "On pairs that training never saw: higher is better.",
        "训练未见过的数据上：越高越好。",
    ),
    "lab.measure.scale": ("w of the head (any number)", "模型头的 w（任意数）"),
    "lab.reads.scale": ("Below 0 the model ranks backwards.", "小于 0 时排序是反的。"),
    "lab.measure.AUC": ("AUC of the probability (0 to 1)", "概率的 AUC（0 到 1）"),
    "lab.reads.AUC": (
        "0.5 tells nothing; below it irrelevant pairs score higher.",
        "0.5 表示毫无信息；更低则无关的分数反而更高。",
    ),
    "lab.dot.about": (
        "Can Keras's `Dot` layer compute the cosine directly? Yes, save at the edges: try them. "
        "The numbers come from the same arithmetic in NumPy, which a test holds against Keras.",
        "Keras 的 `Dot` 层能直接计算余弦吗？可以，但边界处除外：试试看。数字由 NumPy 的相同运算得出，并有测试与 Keras 对照。",
    ),
    "lab.preset": ("Presets", "预设"),
    "lab.preset.alike": ("Alike", "相近"),
    "lab.preset.opposite": ("Opposite", "相反"),
    "lab.preset.zero": ("A zero vector", "零向量"),
    "lab.preset.tiny": ("Length 1e-8", "长度 1e-8"),
    "lab.preset.huge": ("Length 1e20", "长度 1e20"),
    "lab.preset.float16": ("float16", "float16"),
    "lab.preset.alike.about": (
        "Both agree to float32 rounding; only the plain dot product grows with the lengths.",
        "两者在 float32 舍入误差内一致；只有未归一化的点积随长度变化。",
    ),
    "lab.preset.opposite.about": ("Both say −1.", "两者都是 −1。"),
    "lab.preset.zero.about": (
        "By hand 0 ÷ 0 is NaN, and one NaN row spoils a whole batch; Dot says 0.",
        "手写的 0 ÷ 0 得到 NaN，一行 NaN 会毁掉整个批次；Dot 得到 0。",
    ),
    "lab.preset.tiny.about": (
        "Dot counts a vector shorter than 1e-7 as that long, so it says 0.1 where the cosine is 1.",
        "Dot 把短于 1e-7 的向量当作 1e-7，因此余弦为 1 时它得到 0.1。",
    ),
    "lab.preset.huge.about": (
        "The square overflows to infinity: both say 0 where the cosine is 1.",
        "平方溢出为无穷大：余弦为 1 时两者都得到 0。",
    ),
    "lab.preset.float16.about": (
        "In half precision the square of 300 overflows: by hand NaN, Dot 0. Keep the cosine in float32.",
        "半精度下 300 的平方溢出：手写得到 NaN，Dot 得到 0。余弦请保持 float32。",
    ),
    "lab.qx": ("Query, first entry", "查询，第一个分量"),
    "lab.qy": ("Query, second entry", "查询，第二个分量"),
    "lab.dx": ("Document, first entry", "文档，第一个分量"),
    "lab.dy": ("Document, second entry", "文档，第二个分量"),
    "lab.scale": ("w of the head", "模型头的 w"),
    "lab.bias": ("b of the head", "模型头的 b"),
    "lab.precision": ("Precision", "精度"),
    "lab.step": ("Step", "步骤"),
    "lab.value": ("Value", "值"),
    "lab.step.hand": ("cosine, written by hand", "手写余弦"),
    "lab.step.dot": ("Dot(normalize=True)", "Dot(normalize=True)"),
    "lab.step.plain": ("Dot(normalize=False)", "Dot(normalize=False)"),
    "lab.step.logit": ("logit = w × Dot + b", "logit = w × Dot + b"),
    "lab.step.probability": ("probability = sigmoid(logit)", "概率 = sigmoid(logit)"),
    "lab.backwards.about": (
        "The notebook draws the head's w at random, below 0 half of the time. The same training "
        "from w = 5 and from w = −5, side by side: does the second recover?",
        "notebook 随机抽取模型头的 w，一半情况小于 0。从 w = 5 和 w = −5 开始做同样的训练：后者能恢复吗？",
    ),
    "lab.backwards.start": ("Train both", "同时训练"),
    "lab.backwards.end": (
        "Look at w and the AUC at the last epoch. Where w stayed below 0, alike texts get a low "
        "probability. The shipped models keep w at 0 or above, so it cannot happen to them.",
        "请看最后一轮的 w 与 AUC。若 w 仍小于 0，则相似的文字概率反而低。随附的模型强制 w 不小于 0，因此不会发生。",
    ),
    "lab.run.first": ("first w = {scale:g}", "初始 w = {scale:g}"),
}
