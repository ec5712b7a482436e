# SPDX-License-Identifier: GPL-2.0-or-later
# gnuplot: the demo's share of new flows by site, and the mean response, over time.
#   gnuplot -e "folder='build/demo'" tools/lib/demo.gp
# timeline.csv: seconds, share of sites 1 to 3, mean response in ms, phase
set datafile separator ","
set terminal pngcairo size 1000,560 font "sans,10"
set output folder."/demo.png"
set multiplot
set lmargin 11
set rmargin 14
set xrange [0:*]
file = folder."/timeline.csv"
stats file using 1 nooutput name "T"
set xrange [0:T_max]

# where a phase begins: its first line
phases = system("awk -F, '!seen[$6]++ { printf \"%s:%s \", $1, $6 }' ".file)
do for [phase in phases] {
	at = real(system("echo ".phase." | cut -d: -f1"))
	set arrow from at, graph 0 to at, graph 1 nohead front dashtype 3 linecolor "gray20"
}
set size 1,0.55
set origin 0,0.45
set bmargin 0
set tmargin 3
set format x ""
set ylabel "new flows, %"
set yrange [0:100]
set key outside right
do for [phase in phases] {
	at = real(system("echo ".phase." | cut -d: -f1"))
	set label system("echo ".phase." | cut -d: -f2") at at, graph 1.05 font ",9"
}
plot file using 1:(100*($2+$3+$4)) with fillsteps fillstyle solid noborder linecolor "#4477aa" title "site 3", \
	file using 1:(100*($2+$3)) with fillsteps fillstyle solid noborder linecolor "#ddcc77" title "site 2", \
	file using 1:(100*$2) with fillsteps fillstyle solid noborder linecolor "#cc6677" title "site 1"

unset label
set size 1,0.45
set origin 0,0
set tmargin 1
set bmargin 3
set format x "%g"
set xlabel "seconds"
set ylabel "mean response, ms (log)"
set logscale y
set yrange [10:*]
plot file using 1:5 with steps linewidth 2 linecolor "black" notitle
unset multiplot
