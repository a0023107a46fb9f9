"""What listings.py reads of the vendors' machine code, on short listings in the form of each vendor's,
and how gpu_code.py holds figures against bars."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gpu_code
import listings
import occupancy
from compilers import Resources

NVIDIA = """
	.section	.text.tile,"ax",@progbits
.text.tile:
        /*0000*/                   S2R R0, SR_TID.X ;
.L_x_1:
        /*0010*/                   LDG.E.128 R4, desc[UR6][R2.64] ;
{early}
.L_x_0:
        /*0030*/                   LDS.128 R12, [R1] ;
        /*0040*/                   FFMA R20, R12, R13, R20 ;
        /*0050*/                   FFMA R21, R12, R14, R21 ;
        /*0060*/              @!P0 BRA `(.L_x_0) ;
        /*0070*/                   FSEL R4, R4, RZ, P1 ;
        /*0080*/                   STS.128 [R1], R4 ;
        /*0090*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*00a0*/               @P2 BRA `(.L_x_1) ;
        /*00b0*/                   EXIT ;
"""

AMD = """
; -- Begin function tile
tile:                                   ; @tile
	s_load_dwordx2 s[0:1], s[4:5], 0x0
.LBB0_1:                                ; %step
	global_load_dwordx4 v[0:3], v4, s[0:1]
	global_load_dwordx4 v[6:9], v5, s[0:1]
{early}
.LBB0_2:
	ds_read2_b64 v[10:13], v14
	s_waitcnt lgkmcnt(0)
	v_pk_fma_f32 v[20:21], v[10:11], v[12:13], v[20:21]
	v_fmac_f32_e32 v22, v10, v12
	s_cbranch_scc1 .LBB0_2
	s_waitcnt vmcnt({left})
	v_cndmask_b32_e32 v0, 0, v0, vcc_lo
	ds_write_b128 v14, v[0:3]
	s_barrier
	s_cbranch_vccnz .LBB0_1
	s_endpgm
"""

INTEL = """//.kernel tile
_0_100:
(W)     mov (8|M0)               r1.0<1>:f     0x0:f                               //
        send.dc1 (8|M0)          r10      r9      null:0  0x0            0x02406001           {{A@1,$3}} // wr:1+0, rd:4; untyped surface read with xyzw // $1
{early}
_0_101:
        send.dc1 (8|M0)          r20      r21     null:0  0x0            0x024060FE           {{$4}} // wr:1+0, rd:4; untyped surface read with xyzw // $2
        mad (8|M0)               r30.0<1>:f    r31.0<1;0>:f      r20.0<1;0>:f      r32.0<0>:f       {{$4.dst}} // $3
        add (8|M0)               r5.0<1>:d     r5.0<1;1,0>:d     r6.0<1;1,0>:d                        // $4
(f0.1)  goto.b (8|M0)                        _0_102            _0_101                                // $5
        mov (8|M0)               r40.0<1>:f    r10.0<1;1,0>:f                   {{$3.dst}}             // $6
(W)     send.gtwy (1|M0)         null     r20     null:0  0x0            0x02000004           {{A@2,$1}} // wr:1+0, rd:0; signal barrier // $7
(W)     jmpi                                 _0_100                                                  // $8
"""


def place(code, first_use):
    return code.wait_place(code.step_loop(code.hot_loop()), first_use)


class ListingsTest(unittest.TestCase):
    def test_nvidia(self):
        code = listings.read_nvidia(NVIDIA.format(early=""))["tile"]
        hot = code.hot_loop()
        self.assertEqual(hot, (2, 5))
        step = code.step_loop(hot)
        self.assertEqual(step, (1, 9))
        counts = code.count(hot, step, 8)
        self.assertEqual((counts["fma"], counts["local load"], counts["global load"]), (16, 8, 1))
        self.assertEqual((counts["local store"], counts["select"], counts["barrier"]), (1, 1, 1))
        self.assertEqual(code.widths(step, "global load"), {16: 1})
        self.assertEqual(place(code, listings.nvidia_first_use), "after")
        early = "        /*0020*/                   FSEL R7, R7, RZ, P1 ;"
        code = listings.read_nvidia(NVIDIA.format(early=early))["tile"]
        self.assertEqual(place(code, listings.nvidia_first_use), "before")

    def test_amd(self):
        code = listings.read_amd(AMD.format(early="", left=0))["tile"]
        step = code.step_loop(code.hot_loop())
        self.assertEqual(sum(i.fma for i in code.instructions), 3)
        self.assertEqual(code.widths(step, "local load"), {16: 1})
        self.assertEqual(code.widths(step, "global load"), {16: 2})
        self.assertEqual(place(code, listings.amd_first_use), "after")
        # Waits for the first of both loads, and for none.
        for left, expected in ((1, "before"), (2, "after")):
            early = "\ts_waitcnt vmcnt(%d)" % left
            code = listings.read_amd(AMD.format(early=early, left=0))["tile"]
            self.assertEqual(place(code, listings.amd_first_use), expected)

    def test_intel(self):
        code = listings.read_intel(INTEL.format(early=""))
        hot = code.hot_loop()
        step = code.step_loop(hot)
        self.assertEqual((hot, step), ((2, 5), (0, 8)))
        counts = code.count(hot, step, 1)
        self.assertEqual((counts["fma"], counts["integer"], counts["move"]), (1, 1, 2))
        self.assertEqual((counts["local load"], counts["global load"]), (1, 1))
        self.assertEqual(place(code, listings.intel_first_use), "after")
        early = "        sync.nop                             null                {Compacted,$3.dst} // $9"
        code = listings.read_intel(INTEL.format(early=early))
        self.assertEqual(place(code, listings.intel_first_use), "before")
        code = listings.read_intel(
            "        load.ugm.d32x4.a64 (16|M0)  r16:4       [r14:2]            {I@1,$8} // ex\n"
            "        store.slm.d32.a32 (16|M0)  [r13:1]      r57:1              {I@5,$10} // ex\n")
        self.assertEqual([(i.kind, i.bytes) for i in code.instructions],
                         [("global load", 16), ("local store", 4)])

    def test_loads_that_stand_behind_the_products(self):
        text = NVIDIA.format(early="").replace("LDG.E.128 R4, desc[UR6][R2.64]", "MOV R4, R2").replace(
            "BAR.SYNC", "LDG.E R4, desc[UR6][R2.64] ;\n        /*0090*/                   BAR.SYNC")
        code = listings.read_nvidia(text)["tile"]
        self.assertEqual(place(code, listings.nvidia_first_use), "loads last")

    def test_occupancy(self):
        # 168 registers for 128 work-items: 3 groups of 4 warps; 25600 bytes and 1 KiB each: 6 groups.
        self.assertEqual(occupancy.nvidia("sm_80", Resources(168, 25600), 128), 12)
        self.assertEqual(occupancy.nvidia("sm_80", Resources(32, 25600), 128), 24)
        self.assertEqual(occupancy.amd("gfx90a", Resources(64, 25600, 0, "8 waves"), 128), 1)
        self.assertEqual(occupancy.amd("gfx1030", Resources(64, 0, 0, "12 waves"), 64), 12)
        self.assertEqual(occupancy.intel("dg2", Resources(128, 0, 0, "SIMD8"), 64), 8)

    def test_bars(self):
        its = gpu_code.Figures(True, Resources(100, 0, 8), 12, {"fma": 10}, {16: 2}, 80, "before")
        bars = lambda **limits: gpu_code.beyond({"k": {"d": limits}}, {("k", "d"): its})
        self.assertEqual(bars(registers=100, waves=12), ([], 2))
        self.assertEqual(bars(registers=99)[0], ["k for d: registers is 100, expected at most 99"])
        self.assertEqual(bars(waves=13)[0], ["k for d: waves is 12, expected at least 13"])
        self.assertEqual(bars(**{"spilled bytes": 0})[0],
                         ["k for d: spilled bytes is 8, expected at most 0"])
        self.assertIn("there is no figure 'width'", bars(width=1)[0][0])

    def test_a_program_has_all_macros_that_are_asked_for(self):
        kernel = {"file": "a.cl", "kernel": "k", "macros": ["A=1"]}
        programs = [{"file": "a.cl", "kernels": ["k"], "targets": ["t"], "options": options}
                    for options in ("-D B=2", "-D A=2 -D B=2", "-D A=1 -D B=2")]
        self.assertIs(gpu_code.find_program(programs, kernel, {"programs": "t"}), programs[2])
        self.assertIsNone(gpu_code.find_program(programs, kernel, {"programs": "u"}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
