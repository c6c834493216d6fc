// llama.mjs FILE THREADS: the bench's work in llama.cpp on a GGUF file, one JSON object a line: {"work", "peer", "rate", "spread", "runs"}.
import {getLlama} from "node-llama-cpp";

const [path, threads] = [process.argv[2], Number(process.argv[3])];
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", maxThreads: threads});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
const ids = (n) => Array.from({length: n}, (_, i) => 300 + (i * 7919) % 31000);
const middle = (x) => x.sort((a, b) => a - b)[Math.floor(x.length / 2)];
const book = (work, peer, rates) => console.log(JSON.stringify({work, peer, rate: middle(rates),
    spread: (Math.max(...rates) - Math.min(...rates)) / middle(rates), runs: rates.length}));

for (const flash of [false, true]) {
    const peer = flash ? "llama-flash" : "llama";
    for (const n of [512, 2048]) {
        const context = await model.createContext({contextSize: n + 64, batchSize: 512, threads, flashAttention: flash});
        const sequence = context.getSequence(), rates = [];
        for (let run = 0; run < 4; run++) {
            await sequence.clearHistory();
            const started = performance.now();
            await sequence.evaluateWithoutGeneratingNewTokens(ids(n));
            if (run > 0)
                rates.push(1000 * n / (performance.now() - started));
        }
        book(`prefill.${n}.transformer`, peer, rates);
        if (n === 512) {
            const rates = [];
            for (let run = 0; run < 3; run++) {
                await sequence.clearHistory();
                await sequence.evaluateWithoutGeneratingNewTokens(ids(512));
                let made = 0, started = 0;
                for await (const _ of sequence.evaluate([299], {temperature: 0, yieldEogToken: true})) {
                    if (made === 0)
                        started = performance.now();
                    if (++made > 32)
                        break;
                }
                rates.push(32000 / (performance.now() - started));
            }
            book("decode.f32.transformer", peer, rates);
        }
        await context.dispose();
    }
}
process.exit(0);
